"""One classifier contract, four engines: linear, embedding, the ensemble of these two, and transformer."""
