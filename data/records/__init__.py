"""Records that are stored as JSON or printed by child commands, one module for each subject.

module          | what it answers
analysis        | what did the analysis of a run find?
dataset         | what is in a data set, and what was found wrong?
events          | what do child commands of data/ print, and what do all of them?
label_audit     | which labels are suspect?
promotion       | what was decided on the champion, and why?
export          | what is an exported network, and how was each format checked?
run             | what is in the results.json of a run?
run_difference  | what differs between two runs?
scores          | what does the scoring of photos report, and what are all scores together?
search          | what became of a hyper-parameter search and of its trials?
training        | what came out of the training of a variant?
truths          | how often is a variant right by what people chose?
votes           | how well do people agree on the class of each image?
"""
