"""What the lessons of the course import: one module for each stage of putting a model into production."""
