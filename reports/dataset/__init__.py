"""Pages on a data set, and the parts of them that a run's report shows.

module           | what it answers
verdict_page     | how does the page on a verdict look, and its Markdown?
findings         | which outcome, rows and next steps follow from the findings?
exhibits         | which pictures show a finding?
label_audit_page | how are the results of a label audit shown?
"""
