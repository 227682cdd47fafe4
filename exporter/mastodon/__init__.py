"""What is known about Mastodon: versions, documents, pages, and the shape of its database and how to ask it."""
