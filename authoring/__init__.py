"""What authors and the nightly run use: build, run, compare and grade the lessons."""
