"""Sections of a run's report: one module for each, named like its anchor and its template.

All modules are of one kind, so the folder may be long: each has ANCHOR, TITLE, context(results, sources) and
markdown(results, sources). A new section is a module here, a template run/sections/<anchor>.html, and one line in
reports.run.contents.SECTIONS.

answer         | which variant is best, what it cost, whether it is promoted
champion       | what was decided on the champion, and by which criteria
leaderboard    | how accurate each variant is
people         | how accurate each variant is by what people chose
seeds          | how much the accuracy varies over seeds
cost           | what accuracy costs
questions      | what this run answers of the notebook's open questions
confusion      | which classes are confused
classes        | precision, recall and F1 of each class
errors         | which images the best variant gets wrong
attention      | where each variant looks
calibration    | whether certainties can be believed
exports        | in which formats a variant is exported, and which may be used
training       | how each training went
data           | what the data is, and its verdict
labels         | which labels are suspected
since          | what changed since the last report on the source
architectures  | which layers each variant has
missing        | which variants have no scores, and why
lineage        | what the results were made from, and how to repeat them
limits         | the model card: uses and limits of the best variant
"""
