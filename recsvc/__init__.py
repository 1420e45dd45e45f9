"""recsvc: a self-hosted recommender service built on a Restricted Boltzmann Machine."""

__version__ = "0.1.0"
