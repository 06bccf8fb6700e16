"""What people read: one annotated article as a page, and the evaluation as a page and as Markdown."""
