"""Training: the child commands that train, distill, join and score networks, and the training loop.

module      | what it answers
fit         | How is one variant trained and evaluated? (child command)
outputs     | What does a finished training leave, and how is it scored?
distill     | How does a teacher label the views for a student? (child command)
ensemble    | How do trained variants vote together? (child command)
rescore     | What does a saved network predict on another data set? (child command)
trainer     | How does the training loop follow its plan, stop and resume?
optimizer   | With which loss, optimizer and learning rate is a network compiled?
finetuning  | Which layers of a pretrained backbone are trained, and when?
batches     | Which images and labels are in a batch?
features    | Which features does a frozen backbone compute, and where are they stored?
targets     | What is each image trained towards: its label, or the votes of people?
soft_labels | Which probabilities does a student learn from?
predict     | Which probabilities does a network predict for a part?
timing      | How long do steps and passes take on this machine?
runtime     | How many threads does TensorFlow use, and which settings does Keras ignore?
"""
