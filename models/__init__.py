"""Models: networks, their training and evaluation, and what follows from the results.

package    | what it answers
catalog    | Which networks can be trained, and by which recipe?
weights    | Where are the ImageNet weights of a backbone?
jobs       | What do a parent process and its child command agree on?
networks   | How are the networks built and measured? (TensorFlow)
training   | How is a network trained, distilled or joined to an ensemble? (TensorFlow)
evaluation | How good are stored predictions?
analysis   | Which questions does the report answer?
promotion  | Does a challenger become the champion?
registry   | What is stored in MLflow?
export     | Which formats can a network be exported in, and do they answer as it does?
search     | Which recipes does a hyper-parameter search try?
"""
