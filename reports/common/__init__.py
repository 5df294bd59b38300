"""Common parts of all pages.

formatting     | how numbers, sizes, durations and lists read
markdown_text  | how text and tables read in Markdown
charts         | how a chart looks, and how it becomes part of a page
images         | how pixels become part of a page
templates      | how templates are found and filled
cautions       | what a warning on a page is
pdf            | how a page is printed as PDF
"""
