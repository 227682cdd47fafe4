"""What is known about Mastodon: versions, documents, pages. Pure: nothing here touches a network or a file."""
