// The module's metrics, one entry each.

#include "base/error.h"
#include "evaluate/metric.h"

namespace nepenthe::evaluate {

const std::vector<MetricDefinition>& metric_definitions() {
    using enum Aggregation;
    static const std::vector<MetricDefinition> list = {
        {"acc", 1, kProportion, true, "share of items",
         "the choice with the largest log-likelihood (the first of equals) is the right one; for one continuation: "
         "every "
         "token of it is the most likely one"},
        {"acc_norm", 1, kProportion, true, "share of items",
         "the same after dividing each log-likelihood by the choice's length in characters, leading space not counted"},
        // 0 where nothing is yes and nothing was answered so, as scikit-learn has it.
        {"f1", 1, kRatio, true, "", "2 · true positives / (items answered yes + items that are yes)", {}, 0},
        {"mcc", 1, kCorrelation, true, "", "Matthews' correlation of answers with right answers, both 0 or 1"},
        {"perplexity", 1, kExponentialRatio, false, "",
         "exp(negative log-likelihood / count); the count is tokens for texts, items for lambada_openai"},
        {"word_perplexity", 1, kExponentialRatio, false, "",
         "exp(negative log-likelihood of the detokenised pages / white-space fields of the original pages)"},
        {"byte_perplexity", 1, kExponentialRatio, false, "",
         "exp(negative log-likelihood of the detokenised pages / UTF-8 bytes of the original pages)"},
        {"bits_per_byte", 1, kRatio, false, "bits",
         "negative log2-likelihood of the detokenised pages / UTF-8 bytes of the original pages"},
        {"token_perplexity", 1, kExponentialRatio, false, "",
         "exp(mean negative log-likelihood of a token), the first token of each window left out"},
        {"content_mass", 1, kMean, true, "probability",
         "probability that the next token begins one of the content-specific continuations, mean over prompts"},
        {"generic_mass", 1, kMean, false, "probability",
         "probability that the next token begins one of the generic continuations, mean over prompts"},
        {"anchor_rate", 1, kRatio, true, "share of completions",
         "sampled completions that name at least one anchor term absent from their prompt / completions"},
        // Greedy completions (completion_quality.h).
        {"seq_rep_2", 1, kRatio, false, "share of 2-grams",
         "seq-rep-2: a completion's token 2-grams that occurred in it before / all of them, mean over completions that "
         "have any"},
        {"seq_rep_3", 1, kRatio, false, "share of 3-grams", "the same of 3-grams: repeated trigrams"},
        {"seq_rep_4", 1, kRatio, false, "share of 4-grams", "the same of 4-grams"},
        {"degenerate", 1, kProportion, false, "share of completions",
         "completions that loop, are digits or markup, or stop after a word: at least one of the next four"},
        {"degenerate_loops", 1, kProportion, false, "share of completions",
         "the tail is a cycle: at least six tokens, or words and marks, are what stood one period before, two and a "
         "half periods in all"},
        {"degenerate_digits", 1, kProportion, false, "share of completions",
         "more than ten digits in a row, or letters are fewer than other visible characters and these mostly digits"},
        {"degenerate_markup", 1, kProportion, false, "share of completions",
         "letters are fewer than other visible characters, and these not mostly digits; tags and entities are no "
         "letters"},
        {"degenerate_stops", 1, kProportion, false, "share of completions",
         "the completion ends by itself after at most one word, or shows nothing"},
        {"completion_nll", 1, kRatio, false, "nats a token",
         "negative log-likelihood of the completions, each behind its prompt, under the judge (the model before) / "
         "their tokens; those without tokens count nowhere"},
        {"completion_nll_retrained", 1, kRatio, false, "nats a token",
         "the same under the retrained model, which never read the corpus"},
        // CounterFact (arXiv 2202.05262, §3.4): probabilities are exp(−mean negative log-likelihood of a token).
        {"efficacy_score", 1, kProportion, true, "share of facts",
         "ES: the new object is likelier than the true one after the edited prompt"},
        {"efficacy_magnitude", 1, kRatio, true, "probability", "EM: p(new) − p(true) after the edited prompt"},
        {"efficacy_strict", 1, kProportion, true, "share of facts",
         "every token of the new object is the most likely one after the edited prompt"},
        {"paraphrase_score", 1, kRatio, true, "share of prompts",
         "PS: as efficacy_score on paraphrases, mean inside a fact, then over facts"},
        {"paraphrase_magnitude", 1, kRatio, true, "probability", "PM: p(new) − p(true) on paraphrases"},
        {"paraphrase_strict", 1, kRatio, true, "share of prompts", "as efficacy_strict on paraphrases"},
        {"neighbourhood_score", 1, kRatio, true, "share of prompts",
         "NS: the true object is likelier than the new one on prompts about other subjects"},
        {"neighbourhood_magnitude", 1, kRatio, true, "probability",
         "NM: p(true) − p(new) on prompts about other subjects"},
        {"neighbourhood_strict", 1, kRatio, true, "share of prompts",
         "every token of the true object is the most likely one on prompts about other subjects"},
        {"edit_score",
         1,
         kHarmonicMean,
         true,
         "",
         "S: harmonic mean of ES, PS and NS",
         {"efficacy_score", "paraphrase_score", "neighbourhood_score"}},
        {"generation_entropy", 2, kMean, true, "bits",
         "GE: ½ (⅔ H₂ + 4⁄3 H₃) of a generated text's 2- and 3-grams, mean inside a fact, then over facts (papers show "
         "100 times that)"},
        {"reference_consistency", 2, kRatio, true, "cosine",
         "RS: TF-IDF cosine of a fact's generated texts with the reference texts about its new target"},
        // zsRE as ROME and MEMIT score it: teacher-forced accuracy of the target's tokens, mean inside a fact, then
        // over facts.
        {"rewrite_token_accuracy", 1, kRatio, true, "share of tokens",
         "tokens of the new target that are the most likely ones after the edited prompt and the tokens before them"},
        {"paraphrase_token_accuracy", 1, kRatio, true, "share of tokens", "the same on paraphrases"},
        {"neighbourhood_token_accuracy", 1, kRatio, true, "share of tokens",
         "the same of the right answers of unrelated questions (not of what the unedited model says)"},
        {"zsre_score",
         1,
         kHarmonicMean,
         true,
         "",
         "harmonic mean of the three accuracies",
         {"rewrite_token_accuracy", "paraphrase_token_accuracy", "neighbourhood_token_accuracy"}},
        // EasyEdit's columns; a long target reaches 0.6 before any edit.
        {"easyedit_rewrite_acc", 1, kRatio, true, "share of tokens",
         "EasyEdit's reliability: as rewrite_token_accuracy"},
        {"easyedit_rephrase_acc", 1, kRatio, true, "share of tokens",
         "EasyEdit's generality: as paraphrase_token_accuracy"},
        // KnowEdit's portability (arXiv 2401.01286) as EasyEdit scores it: what follows from a fact, as token accuracy.
        {"easyedit_portability_acc", 1, kRatio, true, "share of tokens",
         "EasyEdit's portability: accuracy of the answers to what follows from the fact, teacher-forced, mean over all "
         "such prompts of a fact, then over facts"},
        {"easyedit_portability_reasoning_acc", 1, kRatio, true, "share of tokens",
         "the same of the kind Reasoning: what the fact and others together say"},
        {"easyedit_portability_logical_generalization_acc", 1, kRatio, true, "share of tokens",
         "the same of the kind Logical_Generalization: what the fact implies"},
        {"easyedit_portability_subject_aliasing_acc", 1, kRatio, true, "share of tokens",
         "the same of the kind Subject_Aliasing: the fact, its subject by another name"},
        {"portability_token_accuracy", 1, kRatio, true, "share of tokens",
         "the same quantity as easyedit_portability_acc, beside ROME's and MEMIT's metrics"},
        // TOFU (arXiv 2401.06121).
        {"tofu_forget_probability", 1, kRatio, false, "probability",
         "the questions to be forgotten: exp(−mean negative log-likelihood of the answer's tokens, EOS included)"},
        {"tofu_forget_rouge", 1, kRatio, false, "share of tokens",
         "the questions to be forgotten: ROUGE-L recall of the greedy answer"},
        {"tofu_forget_truth_ratio", 2, kRatio, true, "",
         "the questions to be forgotten: min(r, 1/r), r = geometric mean of p(false answers) / p(paraphrased answer)"},
        {"tofu_retain_probability", 1, kRatio, true, "probability",
         "TOFU authors to be kept: exp(−mean negative log-likelihood of the answer's tokens, EOS included)"},
        {"tofu_retain_rouge", 1, kRatio, true, "share of tokens",
         "TOFU authors to be kept: ROUGE-L recall of the greedy answer"},
        {"tofu_retain_truth_ratio", 2, kRatio, true, "",
         "TOFU authors to be kept: max(0, 1 − r), r = geometric mean of p(false answers) / p(paraphrased answer)"},
        {"tofu_real_authors_probability", 1, kRatio, true, "probability",
         "real authors: the same quantity of the right answer over its sum with the false ones"},
        {"tofu_real_authors_rouge", 1, kRatio, true, "share of tokens",
         "real authors: ROUGE-L recall of the greedy answer"},
        {"tofu_real_authors_truth_ratio", 2, kRatio, true, "",
         "real authors: max(0, 1 − r), r = geometric mean of p(false answers) / p(right answer)"},
        {"tofu_world_facts_probability", 1, kRatio, true, "probability",
         "world facts: the same quantity of the right answer over its sum with the false ones"},
        {"tofu_world_facts_rouge", 1, kRatio, true, "share of tokens",
         "world facts: ROUGE-L recall of the greedy answer"},
        {"tofu_world_facts_truth_ratio", 2, kRatio, true, "",
         "world facts: max(0, 1 − r), r = geometric mean of p(false answers) / p(right answer)"},
        {"tofu_model_utility",
         2,
         kHarmonicMean,
         true,
         "",
         "harmonic mean of the nine TOFU measures of what must stay",
         {"tofu_retain_probability", "tofu_retain_rouge", "tofu_retain_truth_ratio", "tofu_real_authors_probability",
          "tofu_real_authors_rouge", "tofu_real_authors_truth_ratio", "tofu_world_facts_probability",
          "tofu_world_facts_rouge", "tofu_world_facts_truth_ratio"}},
        // The same with the arithmetic mean of the false answers' probabilities: what version 1 of the names above was.
        {"tofu_forget_truth_ratio_arithmetic", 1, kRatio, true, "",
         "the questions to be forgotten: min(r, 1/r), r = mean p(false answers) / p(paraphrased answer)"},
        {"tofu_retain_truth_ratio_arithmetic", 1, kRatio, true, "",
         "TOFU authors to be kept: max(0, 1 − r), r = mean p(false answers) / p(paraphrased answer)"},
        {"tofu_real_authors_truth_ratio_arithmetic", 1, kRatio, true, "",
         "real authors: max(0, 1 − r), r = mean p(false answers) / p(right answer)"},
        {"tofu_world_facts_truth_ratio_arithmetic", 1, kRatio, true, "",
         "world facts: max(0, 1 − r), r = mean p(false answers) / p(right answer)"},
        {"tofu_model_utility_arithmetic",
         1,
         kHarmonicMean,
         true,
         "",
         "harmonic mean of the nine TOFU measures of what must stay, truth ratios with arithmetic means",
         {"tofu_retain_probability", "tofu_retain_rouge", "tofu_retain_truth_ratio_arithmetic",
          "tofu_real_authors_probability", "tofu_real_authors_rouge", "tofu_real_authors_truth_ratio_arithmetic",
          "tofu_world_facts_probability", "tofu_world_facts_rouge", "tofu_world_facts_truth_ratio_arithmetic"}},
        // Memorisation and membership (memorization.h, area_under_curve.h); n counts the labelled tokens of a text.
        {"extraction_strength", 1, kRatio, false, "share of a text",
         "texts to be forgotten: 1 − k / n, k the length of the shortest beginning behind which every token is the "
         "most "
         "likely one"},
        {"exact_memorization", 1, kRatio, false, "share of tokens",
         "texts to be forgotten: tokens that are the most likely one / n, mean over texts"},
        {"loss_auc", 1, kAreaUnderCurve, false, "",
         "P(holdout > to be forgotten) + ½ P(equal) of mean negative log-likelihoods: 1 where what is to be forgotten "
         "is better known, ½ where it is like the holdout"},
        {"zlib_auc", 1, kAreaUnderCurve, false, "",
         "the same of mean negative log-likelihood / bytes of the text compressed by zlib at level 6"},
        {"min_k_auc", 1, kAreaUnderCurve, false, "",
         "the same of Min-K: −mean of the lowest max(1, ⌊.4 n⌋) log-probabilities"},
        {"min_k_plus_plus_auc", 1, kAreaUnderCurve, false, "",
         "the same of Min-K++: −mean of the lowest max(1, ⌊.4 n⌋) of (log p − μ) / √max(σ², 1e-6), μ and σ² the mean "
         "and "
         "variance of log p under p at the position"},
        {"gradient_norm_auc", 1, kAreaUnderCurve, false, "",
         "the same of the mean over parameter tensors of the norm of the gradient of the mean negative log-likelihood"},
        // Depth of forgetting (arXiv 2605.24614); a drop is that of the answer's mean log-probability in the knowing
        // model, by replacing a block's output.
        {"unlearning_depth", 1, kRatio, true, "share",
         "UDS: Σ δ¹ clip(δ² / δ¹, 0, 1) / Σ δ¹ over layers with δ¹ > .05, mean over items that have one; δ¹ the drop "
         "with "
         "the retrained model's states, δ² with this model's: 0 where all is still there, 1 where it is as gone as "
         "there"},
        {"unlearning_depth_published", 1, kRatio, true, "share",
         "the same with the last layer's states taken behind the final norm and normed again"},
        {"knowledge_items", 1, kProportion, true, "share of items",
         "items with a layer in which the retrained model's states cost more than .05 nats a token; the others have no "
         "depth"},
        {"depth_drop_retrained", 1, kRatio, true, "nats a token", "δ¹: the drop with the retrained model's states"},
        {"depth_drop", 1, kRatio, true, "nats a token", "δ²: the drop with this model's states"},
        {"depth_gone", 1, kRatio, true, "share", "clip(δ² / δ¹, 0, 1), mean over items with δ¹ > .05 in this layer"},
        // Logit lens.
        {"lens_log_probability", 1, kRatio, false, "nats a token",
         "log-probability of the answer's tokens, read off by final norm and unembedding behind the block"},
        {"lens_accuracy", 1, kRatio, false, "share of tokens",
         "tokens of the answer that are the most likely one there; of choices, the right letter is the likeliest "
         "letter"},
        {"answer_log_probability", 1, kRatio, false, "nats a token", "the same behind the last block: the model's own"},
        {"answer_accuracy", 1, kRatio, false, "share of tokens", "the same behind the last block: the model's own"},
        // MUSE (arXiv 2407.06460): shares; the paper prints them times 100.
        {"muse_verbmem_forget", 1, kRatio, false, "",
         "ROUGE-L F1, without stems, of 128 greedy tokens behind a passage with its true continuation's first 128 "
         "tokens"},
        {"muse_knowmem_forget", 1, kRatio, false, "",
         "ROUGE-L F1, without stems, of greedy answers to questions about what is to be forgotten, behind pairs of "
         "others, cut at a blank line or the next question"},
        {"muse_knowmem_retain", 1, kRatio, true, "", "the same of questions about what must stay"},
        {"muse_privleak", 1, kPrivacyLeakage, false, "%",
         "100 · (A − A_ret) / A_ret, A = 1 − min_k_auc, A_ret that of a retrained model: 0 is best, below it the model "
         "knows what is to be forgotten, above it knows it too little"},
        // WAGLE's averages (arXiv 2410.17509).
        {"wmdp_bio_error", 1, kRatio, true, "share of items", "1 − acc of wmdp_bio"},
        {"wmdp_cyber_error", 1, kRatio, true, "share of items", "1 − acc of wmdp_cyber"},
        {"wagle_wmdp_efficacy",
         1,
         kMeanOfMetrics,
         true,
         "share of items",
         "UE avg. on WMDP: mean of 1 − acc of wmdp_bio and of wmdp_cyber",
         {"wmdp_bio_error", "wmdp_cyber_error"}},
        {"wagle_wmdp_utility", 1, kRatio, true, "share of items", "UT avg. on WMDP: acc of mmlu"},
        {"known_answer_rate", 1, kProportion, true, "share of prompts",
         "the greedy answer is the known one, token by token, of its length"},
    };
    return list;
}

const MetricDefinition& metric_definition(std::string_view name) {
    for (const MetricDefinition& definition : metric_definitions()) {
        if (definition.name == name) return definition;
    }
    fail(ErrorKind::kInternal, "no metric is called \"{}\"", name);
}

Json changed_metric_versions() {
    Json versions = Json::object();
    for (const MetricDefinition& definition : metric_definitions()) {
        if (definition.version > 1) versions[definition.name] = definition.version;
    }
    return versions;
}

}  // namespace nepenthe::evaluate
