"""Tasks: thin Prefect wrappers that add retries, logs, progress and artifacts to the stages.

package  | what it answers
dataset  | how does a source become a judged data set and its views?
training | how is a variant trained, searched, distilled or joined to an ensemble?
publish  | how do results become a report, a decision on the champion and records in MLflow?
support  | how do tasks start child processes, report progress and pass on records?
"""
