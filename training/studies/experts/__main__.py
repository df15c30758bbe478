"""Are several networks better multiplied, averaged or asked to vote?

python -m training.studies.experts --dataset=mnist

A seed draws five of the networks whose weights come with the library, all of them trained on the
training split; what is learned of the combination is learned on the validation split, and the test
set is scored once. Groups of different seeds share networks, each of which has one training: a
spread over them is that of groups, not of trainings.

The digits of mnist_5k are among those that the networks were trained on: it is there to try the
command.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="experts",
    question="Are several networks better multiplied, averaged or asked to vote?",
    axes={"dataset": ["mnist_5k"]},
    options={"dataset": ["mnist", "fashion_mnist"]},
    seeds=range(20),
    settings={"experts": Setting(5, "How many networks make a group.", 2)},
    trial="training.studies.experts.trial:trial",
    report="training.studies.experts.report:report",
)

if __name__ == "__main__":
    main(STUDY)
