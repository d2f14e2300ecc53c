"""What is known of delivery, read for the surfaces: it decides nothing, and asks bounded questions."""
