"""The archive of posts, the operator's own Git repository or folder.

It writes posts, parses all that were ever published, finds and repairs damage, and commits and pushes them. What a post
looks like, `digest.render.jekyll` decides.
"""
