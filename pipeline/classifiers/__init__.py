"""One classifier contract, three engines: linear, embedding and transformer."""
