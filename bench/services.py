from bench.question import Question

QUESTIONS: tuple[Question, ...] = ()
