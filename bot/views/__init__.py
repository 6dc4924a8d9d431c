"""Pure rendering: views and facts in, HTML and buttons out."""
