"""Tasks after the trainings: audit, decision, report, MLflow, champion, pruning.

label_audit  | which labels do the variants contradict
truths       | by which labels are the variants judged
decide       | does the best variant replace the champion
run_results  | what is a run's report made from
analysis     | what does the report add to the scores
report       | the report and its artifacts
track        | the report in MLflow
export       | a network in other formats, each compared with it
promote      | the decision applied, and the champion moved
search       | the result of a hyper-parameter search
scores       | photos scored by the champion, their counts and drift
housekeeping | stages and Prefect runs that are no longer needed
"""
