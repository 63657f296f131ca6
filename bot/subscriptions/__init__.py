"""What subscribers choose."""
