"""Review of labels by people: which images are asked about, what was answered, and what follows for the next run.

module       | what it answers
choices      | what can a person answer, and with which keys?
answer       | what is one answer, and what does it take back?
answer_log   | where are the answers of one person, safe against a crash?
reviewers    | which people answered, and how are they named?
audited      | which label audit is the latest, and what belongs to it?
review_queue | which images are asked about, in which order?
neighbours   | which images look most like one?
pictures     | how does an image look as a PNG?
tally        | how do the answers of all people become votes and corrections?
agreement    | how often do two people agree, and how fast does one answer?
label_studio | how are tasks and answers written for Label Studio?
matching     | which image of the data set does another tool mean?
import_files | how are the answers of other tools read?
exchange     | how do results leave the workspace, and the answers of others enter it?
feedback     | which images did users of the champion say are answered wrongly?
"""
