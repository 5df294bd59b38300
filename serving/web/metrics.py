"""Counts and times of the service, in the format that Prometheus reads."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from serving.answers import PhotoAnswer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
"""Upper ends of the histogram: a face crop takes milliseconds, a large photo a second."""


class Metrics:
    """Metrics of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "emotion_requests", "Requests by path and HTTP status.", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "emotion_request_seconds",
            "Time from the head of a request to its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.running = Gauge("emotion_requests_taken", "Requests that run or wait.", registry=self.registry)
        self.images = Counter("emotion_images", "Images by outcome.", ("outcome",), registry=self.registry)
        self.faces = Counter("emotion_faces", "Faces by outcome.", ("outcome",), registry=self.registry)
        self.answers = Counter("emotion_answers", "Scored faces by label.", ("label",), registry=self.registry)
        self.uncertain = Counter(
            "emotion_uncertain_answers",
            "Scored faces whose certainty is below the threshold; divide by emotion_answers for the share.",
            registry=self.registry,
        )
        self.feedback = Counter("emotion_feedback", "Answers that users called wrong.", registry=self.registry)
        self.swaps = Gauge("emotion_champions_loaded", "Champions loaded since the start.", registry=self.registry)
        self.champion = Info("emotion_champion", "The version that answers.", registry=self.registry)

    def count_answers(self, answers: Iterable[PhotoAnswer]) -> None:
        """Count images, faces, labels and uncertain answers."""
        for photo in answers:
            self.images.labels(photo.outcome).inc()
            for face in photo.faces:
                self.faces.labels(face.outcome).inc()
                if face.outcome == "scored":
                    self.answers.labels(face.label).inc()
                    self.uncertain.inc(face.uncertain)

    def text(self, version: str, swaps: int, taken: int) -> bytes:
        """Return all metrics as text.

        Args:
            version: that answers; empty for none.
            swaps: champions loaded since the start.
            taken: places of requests that are taken.
        """
        self.champion.info({"version": version})
        self.swaps.set(swaps)
        self.running.set(taken)
        return generate_latest(self.registry)
