#include "evaluate/edit_success.h"

#include "base/error.h"
#include "base/hash.h"
#include "evaluate/choice_scores.h"
#include "evaluate/joint_pair.h"
#include "evaluate/metric.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace nepenthe::evaluate {

namespace {

// One object behind one prompt.
struct ObjectScore {
    double nll = 0;       // mean over its tokens
    double accuracy = 0;  // share of its tokens that are the most likely ones
    std::vector<text::TokenId> best;

    double probability() const { return std::exp(-nll); }
    bool strict() const { return accuracy == 1; }
};

using PromptScores = std::vector<ObjectScore>;  // of a prompt's objects: new and true one, or one alone

struct FactScores {
    PromptScores rewrite;
    std::vector<PromptScores> paraphrases = {}, neighbourhood = {}, portability = {};
};

ObjectScore object_score(const EncodedPair& pair, ChoiceScore&& score) {
    const double tokens = static_cast<double>(score.tokens);
    double right = 0;
    for (std::size_t i = 0; i < score.best.size(); ++i) right += score.best[i] == pair.ids[pair.context + i];
    return {-score.log_likelihood / tokens, right / tokens, std::move(score.best)};
}

// Mean over prompts; null where there are none.
Json mean_over(const std::vector<PromptScores>& prompts, const std::function<double(const PromptScores&)>& value) {
    if (prompts.empty()) return nullptr;
    double sum = 0;
    for (const PromptScores& prompt : prompts) sum += value(prompt);
    return sum / static_cast<double>(prompts.size());
}

double accuracy(const PromptScores& prompt) { return prompt[0].accuracy; }
double strict(const PromptScores& prompt) { return prompt[0].strict() ? 1 : 0; }

using Kinds = std::vector<std::string>;  // of prompts, in order

// The prompts of one kind.
std::vector<PromptScores> of_kind(const std::vector<PromptScores>& prompts, const Kinds& kinds, std::string_view kind) {
    std::vector<PromptScores> chosen;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        if (kinds[i] == kind) chosen.push_back(prompts[i]);
    }
    return chosen;
}

// KnowEdit's kinds of portability that are measured by themselves as well.
constexpr std::pair<const char*, const char*> kPortability[] = {
    {"Reasoning", "easyedit_portability_reasoning_acc"},
    {"Logical_Generalization", "easyedit_portability_logical_generalization_acc"},
    {"Subject_Aliasing", "easyedit_portability_subject_aliasing_acc"}};

Json likelihoods(const std::vector<PromptScores>& prompts) {
    Json all = Json::array();
    for (const PromptScores& prompt : prompts) {
        Json of_prompt = Json::array();
        for (const ObjectScore& object : prompt) of_prompt.push_back(object.nll);
        all.push_back(std::move(of_prompt));
    }
    return all;
}

// Objects are [new, true] everywhere; after prompts about other things the true one is meant to win.
void add_counterfact(Json& row, const FactScores& scores) {
    const auto wins = [](const PromptScores& p) { return p[0].nll < p[1].nll ? 1.0 : 0.0; };
    const auto gain = [](const PromptScores& p) { return p[0].probability() - p[1].probability(); };
    row["efficacy_score"] = wins(scores.rewrite);
    row["efficacy_magnitude"] = gain(scores.rewrite);
    row["efficacy_strict"] = strict(scores.rewrite);
    row["paraphrase_score"] = mean_over(scores.paraphrases, wins);
    row["paraphrase_magnitude"] = mean_over(scores.paraphrases, gain);
    row["paraphrase_strict"] = mean_over(scores.paraphrases, strict);
    row["neighbourhood_score"] =
        mean_over(scores.neighbourhood, [](const PromptScores& p) { return p[1].nll < p[0].nll ? 1.0 : 0.0; });
    row["neighbourhood_magnitude"] =
        mean_over(scores.neighbourhood, [](const PromptScores& p) { return p[1].probability() - p[0].probability(); });
    row["neighbourhood_strict"] =
        mean_over(scores.neighbourhood, [](const PromptScores& p) { return p[1].strict() ? 1.0 : 0.0; });
}

void add_zsre(Json& row, const FactScores& scores) {
    row["rewrite_token_accuracy"] = accuracy(scores.rewrite);
    row["paraphrase_token_accuracy"] = mean_over(scores.paraphrases, accuracy);
    row["neighbourhood_token_accuracy"] = mean_over(scores.neighbourhood, accuracy);
}

void add_easyedit(Json& row, const FactScores& scores, const Kinds& located) {
    row["easyedit_rewrite_acc"] = accuracy(scores.rewrite);
    row["easyedit_rephrase_acc"] = mean_over(scores.paraphrases, accuracy);
    row["efficacy_strict"] = strict(scores.rewrite);
    row["paraphrase_strict"] = mean_over(scores.paraphrases, strict);
    Json& tokens = row["locality_argmax"] = Json::array();
    for (const PromptScores& prompt : scores.neighbourhood) tokens.push_back(prompt[0].best);
    if (std::ranges::any_of(located, [](const std::string& kind) { return !kind.empty(); })) {
        row["locality_kinds"] = located;
    }
}

void add_portability(Json& row, EditMeasure measure, const FactScores& scores, const Kinds& ported) {
    if (measure != EditMeasure::kEasyEdit) {
        row["portability_token_accuracy"] = mean_over(scores.portability, accuracy);
        return;
    }
    row["easyedit_portability_acc"] = mean_over(scores.portability, accuracy);
    for (const auto& [kind, metric] : kPortability) {
        row[metric] = mean_over(of_kind(scores.portability, ported, kind), accuracy);
    }
}

}  // namespace

std::string edit_measure_name(EditMeasure measure) {
    switch (measure) {
        case EditMeasure::kCounterFact: return "counterfact";
        case EditMeasure::kZsre: return "zsre";
        case EditMeasure::kEasyEdit: return "easyedit";
    }
    fail(ErrorKind::kInternal, "unknown measure");
}

EditSuccess::EditSuccess(EditMeasure measure, std::span<const edit::Fact> facts, const text::Tokenizer& tokenizer,
                         std::int64_t max_positions)
    : measure_(measure) {
    constexpr std::size_t kListed = 20;
    Problems problems;
    std::size_t bad = 0;
    for (const edit::Fact& fact : facts) {
        try {
            facts_.push_back(encode(fact, tokenizer, max_positions));
            paraphrased_ = paraphrased_ || !fact.paraphrases.empty();
            located_ = located_ || !fact.neighbourhood.empty();
            for (const edit::Neighbour& prompt : fact.portability) ported_.insert(prompt.kind);
        } catch (const Error& error) {
            if (++bad <= kListed) problems.add("fact {}: {}", fact.id, error.what());
        }
    }
    if (bad > kListed) problems.add("and {} more facts", bad - kListed);
    problems.throw_if_any(ErrorKind::kData, edit_measure_name(measure));
}

EditSuccess::EncodedFact EditSuccess::encode(const edit::Fact& fact, const text::Tokenizer& tokenizer,
                                             std::int64_t max_positions) const {
    const bool against_true = measure_ == EditMeasure::kCounterFact;
    if (against_true && fact.target_true.empty()) {
        fail(ErrorKind::kData, "it has no true object to compare the new one with (\"target_true\")");
    }
    const auto prompt_with = [&](const std::string& prompt, const std::vector<std::string>& objects) {
        Prompt encoded;
        for (const std::string& object : objects) {
            encoded.push_back(joint_pair(tokenizer, prompt, object, max_positions));
        }
        return encoded;
    };
    std::vector<std::string> objects{fact.target_new};
    if (against_true) objects.push_back(fact.target_true);
    EncodedFact encoded{.id = fact.id, .rewrite = prompt_with(fact.sentence(), objects)};
    for (const std::string& paraphrase : fact.paraphrases)
        encoded.paraphrases.push_back(prompt_with(paraphrase, objects));
    for (const edit::Neighbour& neighbour : fact.neighbourhood) {
        objects.back() = neighbour.answer;
        encoded.neighbourhood.push_back(prompt_with(neighbour.prompt, objects));
        encoded.located.push_back(neighbour.kind);
    }
    for (const edit::Neighbour& follows : fact.portability) {
        encoded.portability.push_back(prompt_with(follows.prompt, {follows.answer}));
        encoded.ported.push_back(follows.kind);
    }
    return encoded;
}

double EditSuccess::cost(std::size_t fact) const {
    const auto prompt_cost = [](const Prompt& prompt) {
        double tokens = static_cast<double>(prompt.front().context);
        for (const EncodedPair& pair : prompt) tokens += static_cast<double>(pair.ids.size() - pair.context);
        return tokens;
    };
    const EncodedFact& encoded = facts_[fact];
    double cost = prompt_cost(encoded.rewrite);
    for (const Prompt& prompt : encoded.paraphrases) cost += prompt_cost(prompt);
    for (const Prompt& prompt : encoded.neighbourhood) cost += prompt_cost(prompt);
    for (const Prompt& prompt : encoded.portability) cost += prompt_cost(prompt);
    return cost;
}

std::vector<Json> EditSuccess::rows(const model::Decoder& decoder, std::size_t begin, std::size_t end) const {
    std::vector<EncodedPair> pairs;
    const auto append = [&](const Prompt& prompt) { pairs.insert(pairs.end(), prompt.begin(), prompt.end()); };
    for (std::size_t i = begin; i < end; ++i) {
        append(facts_[i].rewrite);
        std::ranges::for_each(facts_[i].paraphrases, append);
        std::ranges::for_each(facts_[i].neighbourhood, append);
        std::ranges::for_each(facts_[i].portability, append);
    }
    std::vector<ChoiceScore> scores = score_continuations(decoder, pairs);
    std::size_t next = 0;
    const auto take = [&](const Prompt& prompt) {
        PromptScores of_prompt;
        for (const EncodedPair& pair : prompt) of_prompt.push_back(object_score(pair, std::move(scores[next++])));
        return of_prompt;
    };
    std::vector<Json> rows;
    for (std::size_t i = begin; i < end; ++i) {
        FactScores of_fact{.rewrite = take(facts_[i].rewrite)};
        for (const Prompt& prompt : facts_[i].paraphrases) of_fact.paraphrases.push_back(take(prompt));
        for (const Prompt& prompt : facts_[i].neighbourhood) of_fact.neighbourhood.push_back(take(prompt));
        for (const Prompt& prompt : facts_[i].portability) of_fact.portability.push_back(take(prompt));
        Json row = {{"id", i},
                    {"fact", facts_[i].id},
                    {"rewrite_nll", likelihoods({of_fact.rewrite})[0]},
                    {"paraphrase_nll", likelihoods(of_fact.paraphrases)},
                    {"neighbourhood_nll", likelihoods(of_fact.neighbourhood)}};
        if (!of_fact.portability.empty()) row["portability_nll"] = likelihoods(of_fact.portability);
        switch (measure_) {
            case EditMeasure::kCounterFact: add_counterfact(row, of_fact); break;
            case EditMeasure::kZsre: add_zsre(row, of_fact); break;
            case EditMeasure::kEasyEdit: add_easyedit(row, of_fact, facts_[i].located); break;
        }
        if (!ported_.empty()) add_portability(row, measure_, of_fact, facts_[i].ported);
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<std::string> EditSuccess::metrics() const {
    std::vector<std::string> names;
    const auto add = [&](bool measured, std::initializer_list<const char*> more) {
        if (measured) names.insert(names.end(), more.begin(), more.end());
    };
    switch (measure_) {
        case EditMeasure::kCounterFact:
            add(paraphrased_ && located_, {"edit_score"});
            add(true, {"efficacy_score", "efficacy_magnitude", "efficacy_strict"});
            add(paraphrased_, {"paraphrase_score", "paraphrase_magnitude", "paraphrase_strict"});
            add(located_, {"neighbourhood_score", "neighbourhood_magnitude", "neighbourhood_strict"});
            add(!ported_.empty(), {"portability_token_accuracy"});
            break;
        case EditMeasure::kZsre:
            add(paraphrased_ && located_, {"zsre_score"});
            add(true, {"rewrite_token_accuracy"});
            add(paraphrased_, {"paraphrase_token_accuracy"});
            add(located_, {"neighbourhood_token_accuracy"});
            add(!ported_.empty(), {"portability_token_accuracy"});
            break;
        case EditMeasure::kEasyEdit:
            add(true, {"easyedit_rewrite_acc", "efficacy_strict"});
            add(paraphrased_, {"easyedit_rephrase_acc", "paraphrase_strict"});
            add(!ported_.empty(), {"easyedit_portability_acc"});
            for (const auto& [kind, metric] : kPortability) add(ported_.contains(kind), {metric});
            break;
    }
    return names;
}

TaskResult EditSuccess::result(std::vector<Json> rows) const {
    return make_result(edit_measure_name(measure_), metrics(), std::move(rows));
}

std::string EditSuccess::digest() const {
    Sha256 hash;
    const auto update = [&](const Prompt& prompt) {
        for (const EncodedPair& pair : prompt) hash.update(Json{pair.context, pair.ids}.dump());
    };
    hash.update(edit_measure_name(measure_));
    for (const EncodedFact& fact : facts_) {
        hash.update(Json(fact.id).dump());
        update(fact.rewrite);
        for (const auto* prompts : {&fact.paraphrases, &fact.neighbourhood}) {
            hash.update("[");
            std::ranges::for_each(*prompts, update);
        }
        if (!fact.portability.empty()) {
            hash.update("[").update(Json(fact.ported).dump());
            std::ranges::for_each(fact.portability, update);
        }
    }
    return hash.hex();
}

}  // namespace nepenthe::evaluate
