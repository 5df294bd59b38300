"""Two runs compared.

page   | what changed between two runs, as a page and as Markdown
chart  | how far each variant moved
"""
