"""The models of the catalogue."""

from .audit_finding import AuditFinding
from .decision_batch import DecisionBatch
from .duplicate import DuplicateDecision, DuplicateGroup, DuplicateMember
from .embedding import Embedding, Extractor
from .genre_model import GenreModel
from .import_change import ImportChange
from .imported_file import ImportedFile
from .movie import Genre, Movie, MovieGenre
from .placeholder import Placeholder
from .poster import Poster
from .review_flag import ReviewFlag
from .review_queue import ReviewQueue
from .review_reservation import ReviewReservation
from .run import Run, RunChunk, RunItem
from .search_title import SearchTitle
from .second_opinion import GenreOpinion, SecondOpinion
from .similarity_index import SimilarityIndex
from .source_lookup import SourceLookup
from .suggestion import ReviewDecision, Suggestion
from .vector_index import VectorIndex

__all__ = [
    "AuditFinding",
    "DecisionBatch",
    "DuplicateDecision",
    "DuplicateGroup",
    "DuplicateMember",
    "Embedding",
    "Extractor",
    "Genre",
    "GenreModel",
    "GenreOpinion",
    "ImportChange",
    "ImportedFile",
    "Movie",
    "MovieGenre",
    "Placeholder",
    "Poster",
    "ReviewDecision",
    "ReviewFlag",
    "ReviewQueue",
    "ReviewReservation",
    "Run",
    "RunChunk",
    "RunItem",
    "SearchTitle",
    "SecondOpinion",
    "SimilarityIndex",
    "SourceLookup",
    "Suggestion",
    "VectorIndex",
]
