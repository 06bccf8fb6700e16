"""The evaluation as one self-contained HTML page: what it shows, its pictures and its templates."""
