"""Small tools for chapters that teach: questions with instant feedback, answers of R, exact rank tests."""
