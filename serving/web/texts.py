"""What the page and the description of the API say of expressions, of the limits, and of the law."""

from data.records.export import ExportBundle
from data.records.truths import TRUTH_WORDS

TITLE = "Facial expressions"

EXPRESSION = (
    "The answer is the expression that a face shows in the picture, as people named such pictures. It does not say "
    "what the person feels, thinks or intends."
)

LAW = (
    "In the European Union, Article 5(1)(f) of the AI Act (Regulation (EU) 2024/1689) bans the use of AI to infer "
    "emotions of a person at the workplace or in education, except for medical or safety reasons, since 2 February "
    "2025. Other uses count as high-risk (Annex III, point 1(c)), and the people concerned must be told (Article "
    "50(3))."
)
"""Source: Regulation (EU) 2024/1689 of 13 June 2024, Official Journal L, 12.7.2024; its Article 113(a) has the date."""

LAW_URL = "https://eur-lex.europa.eu/eli/reg/2024/1689/oj"

NOT_KEPT = "Pictures are used for the answer alone: none is stored, and none leaves the machine that answers."

LOG_NOTICE = (
    "Whoever runs this service keeps a log of answers: for each picture the time, a checksum of its bytes, "
    "and the probabilities of its faces."
)

KEPT_IF_ASKED = (
    "Pictures are used for the answer alone, and none leaves the machine that answers. Nothing is stored unless you "
    "call an answer wrong and send the right one."
)
"""For a service that stores feedback, instead of `NOT_KEPT`."""


def describe_feedback(bundle: ExportBundle) -> str:
    """Say what is stored if a user calls an answer wrong.

    Args:
        bundle: of the network that answers.
    """
    data_format = bundle.data_format
    return (
        f"If you send this, the face as the network sees it ({data_format.size} pixels, "
        f"{'gray' if data_format.channels == 1 else 'colour'}), your answer, the network's answer and the time are "
        "stored on the machine that answers. People who check labels will look at the face, and networks may learn "
        "from it. The rest of the picture, its name and who you are are not stored. Send it only if the person in the "
        "picture agrees."
    )


def describe_privacy(logs: bool, stores: bool) -> str:
    """Say what is stored of pictures.

    Args:
        logs: whether there is a log of answers.
        stores: whether feedback is stored.
    """
    kept = KEPT_IF_ASKED if stores else NOT_KEPT
    return f"{kept} {LOG_NOTICE}" if logs else kept


DESCRIPTION = f"""The champion answers on photos: it finds the faces, and gives calibrated probabilities for each.

{EXPRESSION}

{LAW} Source: {LAW_URL}

Send a form with one file or several (`curl -F file=@photo.jpg`), or one image as the body
(`curl -H 'Content-Type: image/jpeg' --data-binary @photo.jpg`). A refusal has a sentence in `detail`: what was got,
what was expected, and what to do.
"""


def list_limits(bundle: ExportBundle) -> list[str]:
    """Return what a person should know before relying on an answer, a sentence each.

    Args:
        bundle: of the network that answers.
    """
    data_format = bundle.data_format
    worst = min(range(len(bundle.recalls)), key=bundle.recalls.__getitem__)
    found = [
        f"It knows {len(data_format.labels)} expressions and gives one of them for every face, even if the face shows "
        "another one or none.",
        f"It sees a face as {data_format.size} {'gray' if data_format.channels == 1 else 'colour'} pixels, from the "
        "front; small, turned, covered and drawn faces are answered worse.",
        f"It finds {data_format.labels[worst]} worst: {100 * bundle.recalls[worst]:.0f} % of such validation images.",
        f"Its figures are from validation images of the data set that it learnt from, judged by "
        f"{TRUTH_WORDS[bundle.truth]}. On your pictures it may be worse, and it may be worse for groups of people whom "
        "that data set shows rarely; that was not measured here.",
    ]
    if bundle.threshold is None:
        return [*found, "It refuses no answer, however uncertain: no threshold was found for it."]
    return [
        *found,
        f"Answers with a certainty below {100 * bundle.threshold:.0f} % are marked as uncertain. Of the others, "
        f"{100 * bundle.accepted_accuracy:.1f} % were right on validation.",
    ]
