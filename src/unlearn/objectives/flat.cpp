// FLAT (Wang et al., arXiv 2410.11143): an f-divergence between a refusal and the text, from their mean token
// probabilities p_g and p_f alone; no retained text. total variation: −½ tanh p_g + ½ tanh p_f; KL: −p_g + exp(p_f −
// 1); Pearson: −p_g + p_f²/4 + p_f. The published mean is over pads too.

#include "unlearn/objectives/objective_kind.h"

#include <cmath>

namespace nepenthe::unlearn {

namespace {

enum class Divergence { kKullbackLeibler, kTotalVariation, kPearson };

struct Value {
    double value = 0, by_refusal = 0, by_text = 0;
};

Value divergence(Divergence kind, double refusal, double text) {
    switch (kind) {
        case Divergence::kKullbackLeibler: {
            const double of_text = std::exp(text - 1);
            return {-refusal + of_text, -1, of_text};
        }
        case Divergence::kTotalVariation: {
            const double g = std::tanh(refusal), f = std::tanh(text);
            return {0.5 * (f - g), -0.5 * (1 - g * g), 0.5 * (1 - f * f)};
        }
        case Divergence::kPearson: return {-refusal + text * text / 4 + text, -1, text / 2 + 1};
    }
    fail(ErrorKind::kInternal, "unknown divergence");
}

// Mean probability of the tokens. slopes: its derivative by each of their losses.
double mean_probability(std::span<const double> losses, std::span<double> slopes) {
    const double n = static_cast<double>(losses.size());
    double sum = 0;
    for (std::size_t t = 0; t < losses.size(); ++t) {
        const double p = std::exp(-losses[t]);
        slopes[t] = -p / n;
        sum += p;
    }
    return sum / n;
}

}  // namespace

ObjectiveKind flat_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        const std::string& word = values.word("divergence");
        const Divergence kind = word == "kl"   ? Divergence::kKullbackLeibler
                                : word == "tv" ? Divergence::kTotalVariation
                                               : Divergence::kPearson;
        ObjectiveTerm prefer;
        prefer.term.name = "prefer";
        prefer.sources = {Source::kRefusal, Source::kForget};
        prefer.term.loss = [kind](std::span<const train::SequenceLosses> sequences, std::span<double> slopes) {
            const std::span<double> of_refusal = slopes.first(sequences[0].losses.size());
            const std::span<double> of_text = slopes.subspan(of_refusal.size());
            const double refusal = mean_probability(sequences[0].losses, of_refusal);
            const double text = mean_probability(sequences[1].losses, of_text);
            const Value value = divergence(kind, refusal, text);
            for (double& slope : of_refusal) slope *= value.by_refusal;
            for (double& slope : of_text) slope *= value.by_text;
            return value.value;
        };
        return std::vector<ObjectiveTerm>{prefer};
    };
    return {"flat",
            "a divergence between refusal and text, nothing retained",
            {{"divergence", 0, 0, "of mean probabilities", {"kl", "tv", "pearson"}}},
            terms};
}

}  // namespace nepenthe::unlearn
