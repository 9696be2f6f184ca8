#include "key_cases.h"

#include "base/json.h"
#include "io/file.h"

#include <filesystem>

namespace nepenthe::pipelines {

Case evaluate_case() {
    return {
        "evaluate",
        {"--model=one=" + in().path("model") + ",two=" + in().path("other-model"),
         "--tasks=lambada_openai,wikitext_word_perplexity,familiarity_probability,neighbour_probability,"
         "familiarity_completion,fluency,counterfact,edit_generation,unrelated_facts,tofu,membership,muse,depth,"
         "logit_lens",
         in().word("data", "data"), "--texts=book=" + in().path("book.txt"), in().word("wikitext", "wiki.txt"),
         in().word("familiarity-prompts", "prompts.json"), in().word("completion-prompts", "prompts.json"),
         in().word("neighbour-prompts", "prompts.json"), in().word("dictionary", "terms.json"),
         in().word("facts", "facts.jsonl"), in().word("reference-texts", "references.json"),
         in().word("unrelated-facts", "pool.jsonl"), in().word("tofu", "tofu"), in().word("member-texts", "book.txt"),
         in().word("holdout-texts", "questions.jsonl"), in().word("muse", "muse"),
         in().word("probe-items", "probes.jsonl"), in().word("retrained", "model")},
        with_compute({{"model", {"--model=two=" + in().path("other-model") + ",one=" + in().path("model")}},
                      // Without one whose file another one reads: options that nothing reads are refused.
                      {"tasks",
                       {"--tasks=lambada_openai,wikitext_word_perplexity,neighbour_probability,familiarity_completion,"
                        "fluency,counterfact,edit_generation,unrelated_facts,tofu,membership,muse,depth"}},
                      {"data", {in().word("data", "other-data")}},
                      {"texts", {"--texts=book=" + in().path("other-book.txt")}},
                      {"wikitext", {in().word("wikitext", "other-wiki.txt")}},
                      {"limit", {"--limit=1"}},
                      {"window", {"--window=16"}},
                      {"familiarity-prompts", {in().word("familiarity-prompts", "other-prompts.json")}},
                      {"completion-prompts", {in().word("completion-prompts", "other-prompts.json")}},
                      {"neighbour-prompts", {in().word("neighbour-prompts", "other-prompts.json")}},
                      {"dictionary", {in().word("dictionary", "other-terms.json")}},
                      {"completions", {"--completions=2"}},
                      {"completion-tokens", {"--completion-tokens=4"}},
                      {"judge", {in().word("judge", "other-model")}},
                      {"retrained", {in().word("retrained", "other-model")}},
                      {"facts", {in().word("facts", "other-facts.jsonl")}},
                      {"fact-format", {"--fact-format=jsonl"}},
                      {"fact-prompt", {"--fact-prompt=Question: {}"}},
                      {"zsre-convention", {"--zsre-convention=easyedit"}},
                      {"target", {"--target=dummy"}},
                      {"reference-texts", {in().word("reference-texts", "other-references.json")}},
                      {"unrelated-facts", {in().word("unrelated-facts", "other-pool.jsonl")}},
                      {"tofu", {in().word("tofu", "other-tofu")}},
                      {"tofu-forget", {"--tofu-forget=forget05"}},
                      {"tofu-prompt", {"--tofu-prompt=Question: {}"}},
                      {"tofu-truth-ratio", {"--tofu-truth-ratio=arithmetic"}},
                      {"answer-tokens", {"--answer-tokens=4"}},
                      {"member-texts", {in().word("member-texts", "other-book.txt")}},
                      {"holdout-texts", {in().word("holdout-texts", "other-questions.jsonl")}},
                      {"muse", {in().word("muse", "other-muse")}},
                      {"muse-retrained", {"--muse-retrained=books"}},
                      {"prompt-form", {"--prompt-form=I read it. {}"}},
                      {"question-prompt", {"--question-prompt=Question: {}"}},
                      {"gradient-norm", {"--gradient-norm"}},
                      {"probe-items", {in().word("probe-items", "other-probes.jsonl")}},
                      {"knowing", {in().word("knowing", "other-model")}},
                      {"skip-bad", {"--skip-bad"}},
                      {"quantise", {"--quantise=nf4"}},
                      {"compare-with", {"--compare-with=" + in().evaluation}}})};
}

Case evaluate_told_case() {
    return {"evaluate",
            {"--model=" + in().path("model"), "--tasks=tofu", in().word("tofu", "tofu"), "--told=" + in().bundle,
             in().word("encoder", "encoder")},
            {{"told", {"--told=" + in().other_bundle}},
             {"encoder", {in().word("encoder", "other-encoder")}},
             {"told-above", {"--told-above=0.5"}}}};
}

Case relearn_case() {
    Case one{"relearn",
             {in().word("model", "model"), in().word("corpus", "questions.jsonl"), "--steps=1,2", "--schedule=linear",
              "--global-batch=1", "--micro-batch=1", "--tasks=familiarity_probability",
              in().word("familiarity-prompts", "prompts.json")},
             training(),
             kTrainingPromises};
    one.changed.erase("epochs");
    one.changed.erase("max-steps");
    one.changed["model"] = {in().word("model", "other-model")};
    one.changed["corpus"] = {in().word("corpus", "other-questions.jsonl")};
    one.changed["steps"] = {"--steps=2"};
    one.changed["form"] = {"--form=Q {prompt} A {answer}"};
    one.changed["familiarity-prompts"] = {in().word("familiarity-prompts", "other-prompts.json")};
    return one;
}

Case relearn_text_case() {
    return {"relearn",
            {in().word("model", "model"), in().word("corpus", "book.txt"), "--steps=1", "--block=16",
             "--tasks=familiarity_probability", in().word("familiarity-prompts", "prompts.json")},
            {{"corpus", {in().word("corpus", "other-book.txt")}}, {"block", {"--block=8"}}}};
}

Case audit_case() {
    const auto write = [](const std::string& name, double limit) {
        const Json line = {{"metric", "familiarity_probability/content_mass"}, {"at_most", limit}};
        const Json attack = {{"measure", {{"quantise", "int4"}}}};
        const Json policy = {{"variables", {{"prompts", {{"help", "a file of prompts"}}}}},
                             {"measure", {{"tasks", "familiarity_probability"}, {"familiarity-prompts", "${prompts}"}}},
                             {"attacks", {{"int4", attack}}},
                             {"lines", Json::array({line})}};
        io::write_file_atomically(in().path(name), policy.dump());
    };
    write("policy.json", 0.5);
    write("other-policy.json", 0.25);
    return {
        "audit",
        {in().word("policy", "policy.json"), "--set=prompts=" + in().path("prompts.json"), in().word("model", "model"),
         in().word("before", "other-model"), in().word("retrained", "model"), in().word("untrained", "model")},
        {{"policy", {in().word("policy", "other-policy.json")}},
         {"set", {"--set=prompts=" + in().path("other-prompts.json")}},
         {"model", {in().word("model", "other-model")}},
         {"before", {in().word("before", "model")}},
         {"retrained", {in().word("retrained", "other-model")}},
         {"untrained", {in().word("untrained", "other-model")}},
         {"dtype", {"--dtype=bf16"}},
         {"device", {"--device=cuda"}},
         {"threads", {"--threads=3"}},
         {"seed", {"--seed=9"}}}};
}

}  // namespace nepenthe::pipelines
