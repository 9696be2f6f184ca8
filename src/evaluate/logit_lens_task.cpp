// What a model would answer if it stopped behind each of its blocks: final norm and unembedding on every block's output
// (the logit lens; as an audit of unlearning in arXiv 2409.18025). specs: objectives.md §7.

#include "evaluate/answer_states.h"
#include "evaluate/choice_scores.h"
#include "evaluate/probes.h"
#include "evaluate/task.h"

#include <torch/types.h>

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

namespace {

class LogitLensTask : public Task {
  public:
    explicit LogitLensTask(const TaskInput& input) : probes_(encode_probes(input, "logit_lens")) {}

    std::int64_t items() const override { return static_cast<std::int64_t>(probes_.list.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        return static_cast<double>(probes_.list[static_cast<std::size_t>(item)].pair.ids.size());
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<Json> rows;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) rows.push_back(row(i, decoder));
        return rows;
    }

    std::vector<std::string> metrics() const override { return {"answer_log_probability", "answer_accuracy"}; }
    std::vector<std::string> layer_metrics() const override { return {"lens_log_probability", "lens_accuracy"}; }
    std::vector<LeftOut> left_out() const override { return probes_.left_out; }
    std::string digest() const override { return probes_.digest(); }

  private:
    // By layer: the mean log-probability of the answer's tokens, and the share of them that is right.
    struct Lens {
        std::vector<double> log_probabilities, accuracies;
    };

    static Lens lens_of_entity(const model::Decoder& decoder, const Probe& probe, const at::Tensor& states) {
        const auto answer = std::span(probe.pair.ids).subspan(probe.pair.context);
        const AnswerScores scores = score_answers(decoder, states, answer);
        const auto tokens = static_cast<double>(answer.size());
        Lens lens;
        for (std::size_t first = 0; first < scores.log_probabilities.size(); first += answer.size()) {
            double sum = 0, right = 0;
            for (std::size_t i = first; i < first + answer.size(); ++i) {
                sum += scores.log_probabilities[i];
                right += scores.most_likely[i] ? 1 : 0;
            }
            lens.log_probabilities.push_back(sum / tokens);
            lens.accuracies.push_back(right / tokens);
        }
        return lens;
    }

    // Right where the right letter is the likeliest of the letters, whatever else is likelier than all of them.
    static Lens lens_of_choices(const model::Decoder& decoder, const Probe& probe, const at::Tensor& states) {
        const std::size_t letters = probe.choices.size();
        const AnswerScores scores =
            score_answers(decoder, states.repeat_interleave(static_cast<std::int64_t>(letters), 0), probe.choices);
        const auto right = static_cast<std::size_t>(std::ranges::find(probe.item.choices, probe.item.answer) -
                                                    probe.item.choices.begin());
        Lens lens;
        for (std::size_t first = 0; first < scores.log_probabilities.size(); first += letters) {
            const auto of_layer = std::span(scores.log_probabilities).subspan(first, letters);
            lens.log_probabilities.push_back(of_layer[right]);
            lens.accuracies.push_back(first_largest(of_layer) == right ? 1 : 0);
        }
        return lens;
    }

    Json row(std::size_t index, const model::Decoder& decoder) const {
        const Probe& probe = probes_.list[index];
        const at::Tensor states = at::cat(answer_states(decoder, probe.pair));
        const Lens lens =
            probe.choices.empty() ? lens_of_entity(decoder, probe, states) : lens_of_choices(decoder, probe, states);
        Json row = probe_row(index, probe);
        row.update({{"lens_log_probability", lens.log_probabilities},
                    {"lens_accuracy", lens.accuracies},
                    {"answer_log_probability", lens.log_probabilities.back()},
                    {"answer_accuracy", lens.accuracies.back()}});
        return row;
    }

    Probes probes_;
};

}  // namespace

std::unique_ptr<Task> make_logit_lens_task(const std::string&, const TaskInput& input) {
    return std::make_unique<LogitLensTask>(input);
}

}  // namespace nepenthe::evaluate
