"""Commands that use the champion: `emotion predict`, `serve`, `export` and `score`.

module          | what it answers
commands        | which options do these commands have?
predict         | in which order does what happen, and how far is it?
predict_outputs | where do answers go: table, JSON, CSV and pictures?
predict_rows    | what do the table, the CSV and the summary say on an answer?
serve           | what does emotion serve start?
export          | what does emotion export do?
score           | what does emotion score do?
"""
