"""Bytes in, verdict out: is it a picture, which, whole? It knows no network and no queue."""
