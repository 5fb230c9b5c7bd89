"""What is printed: the agreement and the handover of a place, and the duty sheet of a service."""
