#include "key_cases.h"

namespace nepenthe::pipelines {

std::string name_of(const Case& one, const Words& words) {
    return find_verb(one.verb).key(*testing::world, {words, {}}).folder_name();
}

std::map<std::string, Words> with_compute(std::map<std::string, Words> changed) {
    changed.merge(std::map<std::string, Words>{{"dtype", {"--dtype=bf16"}},
                                               {"device", {"--device=cuda"}},
                                               {"threads", {"--threads=3"}},
                                               {"seed", {"--seed=9"}}});
    return changed;
}

std::map<std::string, Words> training() {
    return with_compute({{"lr", {"--lr=0.125"}},
                         {"schedule", {"--schedule=constant"}},
                         {"final-lr-share", {"--final-lr-share=0.25"}},
                         {"warmup-steps", {"--warmup-steps=1"}},
                         {"beta1", {"--beta1=0.5"}},
                         {"beta2", {"--beta2=0.5"}},
                         {"weight-decay", {"--weight-decay=0.125"}},
                         {"clip-norm", {"--clip-norm=0.5"}},
                         {"global-batch", {"--global-batch=2"}},
                         {"micro-batch", {"--micro-batch=2"}},
                         {"epochs", {"--epochs=3"}},
                         {"max-steps", {"--max-steps=2"}},
                         {"freeze", {"--freeze=norm"}},
                         {"deterministic", {"--deterministic"}}});
}

// Recomputed activations have the same bits; a checkpoint keeps a state and changes none.
const std::map<std::string, Words> kTrainingPromises = {{"activation-checkpointing", {"--activation-checkpointing"}},
                                                        {"checkpoint-steps", {"--checkpoint-steps=1"}},
                                                        {"checkpoint-minutes", {"--checkpoint-minutes=1"}}};

Case train_case() {
    Case one{"train",
             {in().word("model", "model"), in().word("corpus", "book.txt"), "--block=16", "--global-batch=1",
              "--micro-batch=1"},
             training(),
             kTrainingPromises};
    one.changed["model"] = {in().word("model", "other-model")};
    one.changed["corpus"] = {in().word("corpus", "other-book.txt")};
    one.changed["chars"] = {"--chars=20"};
    one.changed["block"] = {"--block=8"};
    return one;
}

Case train_masked_case() {
    return {"train",
            {in().word("model", "model"), in().word("corpus", "book.txt"), "--mask=" + in().masks, "--selection=0.5"},
            {{"mask", {"--mask=" + in().other_masks}}, {"selection", {"--selection=0.25"}}}};
}

Case train_new_case() {
    return {"train",
            {in().word("architecture", "architecture.json"), in().word("tokenizer", "model/tokenizer.json"),
             in().word("corpus", "book.txt")},
            {{"architecture", {in().word("architecture", "other-architecture.json")}},
             {"tokenizer", {in().word("tokenizer", "encoder/tokenizer.json")}}}};
}

Case relabel_case() {
    return {"relabel",
            {in().word("baseline", "model"), in().word("reinforced", "other-model"), in().word("corpus", "book.txt"),
             in().word("dictionary", "terms.json"), "--top-k=8", "--block=16"},
            {{"baseline", {in().word("baseline", "other-model")}},
             {"reinforced", {in().word("reinforced", "model")}},
             {"corpus", {in().word("corpus", "other-book.txt")}},
             {"chars", {"--chars=60"}},
             {"dictionary", {in().word("dictionary", "other-terms.json")}},
             {"rules", {"--rules=published"}},
             {"combine", {"--combine=logits"}},
             {"alpha", {"--alpha=2"}},
             {"plausible", {"--plausible=0.125"}},
             {"top-k", {"--top-k=4"}},
             {"block", {"--block=8"}},
             {"logits", {"--logits"}},
             {"activations", {"--activations=0"}},
             {"dtype", {"--dtype=bf16"}},
             {"device", {"--device=cuda"}},
             {"threads", {"--threads=3"}},
             {"seed", {"--seed=9"}}},
            // The same products run in either case.
            {{"swap", {"--swap=always"}}}};
}

Case relabel_from_case() {
    const std::string baseline = in().word("baseline", "model"), reinforced = in().word("reinforced", "other-model");
    return {"relabel",
            {"--from=" + in().labels, "--alpha=5", baseline, reinforced},
            {{"from", {"--from=" + in().other_labels}},
             {"combine", {"--combine=logits"}},
             {"alpha", {"--alpha=2"}},
             {"plausible", {"--plausible=0.125"}},
             {"dtype", {"--dtype=bf16"}},
             {"device", {"--device=cuda"}},
             {"threads", {"--threads=3"}}}};
}

Case forget_case() {
    Case one{"forget",
             {in().word("model", "model"), "--labels=" + in().labels, "--alpha=5", in().word("retain", "retain.txt"),
              "--retain-block=16", in().word("familiarity-prompts", "prompts.json"),
              in().word("neighbour-prompts", "prompts.json"), in().word("completion-prompts", "prompts.json"),
              "--global-batch=1", "--micro-batch=1"},
             training(),
             kTrainingPromises};
    one.changed["labels"] = {"--labels=" + in().other_labels};
    one.changed["alpha"] = {"--alpha=1"};
    one.changed["targets"] = {"--targets=hard"};
    one.changed["half-weight"] = {"--half-weight=0.25"};
    one.changed["translated-ratio"] = {"--translated-ratio=0.5"};
    one.changed["retain"] = {in().word("retain", "other-book.txt")};
    one.changed["retain-ratio"] = {"--retain-ratio=2"};
    one.changed["retain-targets"] = {"--retain-targets=text"};
    one.changed["retain-block"] = {"--retain-block=8"};
    one.changed["holdout-share"] = {"--holdout-share=0.25"};
    one.changed["measure-steps"] = {"--measure-steps=1"};
    one.changed["familiarity-prompts"] = {in().word("familiarity-prompts", "other-prompts.json")};
    one.changed["neighbour-prompts"] = {in().word("neighbour-prompts", "other-prompts.json")};
    one.changed["completion-prompts"] = {in().word("completion-prompts", "other-prompts.json")};
    one.changed["utility-budget"] = {"--utility-budget=0.5"};
    one.changed["repetition-budget"] = {"--repetition-budget=0.5"};
    return one;
}

namespace {

Case objective_case(const std::string& name, const std::map<std::string, Words>& changed) {
    Case one{"forget",
             {"--objective=" + name, in().word("model", "model"), in().word("forget", "questions.jsonl"),
              "--global-batch=1", "--micro-batch=1"},
             changed,
             {}};
    one.changed["forget"] = {in().word("forget", "other-questions.jsonl")};
    one.changed["form"] = {"--form=Q {prompt} A {answer}"};
    one.changed["as-published"] = {"--as-published=open-unlearning"};
    return one;
}

}  // namespace

Case npo_case() {
    Case one = objective_case("npo", training());
    one.base.push_back(in().word("retain", "kept-questions.jsonl"));
    one.promised = kTrainingPromises;
    one.changed["model"] = {in().word("model", "other-model")};
    one.changed["objective"] = {"--objective=graddiff"};
    one.changed["retain"] = {in().word("retain", "other-kept-questions.jsonl")};
    one.changed["beta"] = {"--beta=0.5"};
    one.changed["forget-weight"] = {"--forget-weight=0.5"};
    one.changed["retain-weight"] = {"--retain-weight=0.5"};
    one.changed["measure-steps"] = {"--measure-steps=1"};
    one.changed["sam"] = {"--sam=0.125"};
    return one;
}

Case ga_case() {
    return {"forget",
            {"--objective=ga", in().word("model", "model"), in().word("forget", "book.txt"), "--global-batch=1",
             "--micro-batch=1"},
            {{"forget", {in().word("forget", "other-book.txt")}}, {"block", {"--block=8"}}}};
}

Case gru_case() {
    Case one = objective_case("graddiff", {{"pair", {"--pair=blur"}}});
    one.base.push_back(in().word("retain", "kept-questions.jsonl"));
    one.base.push_back("--pair=gru");
    one.changed["pair-retain"] = {"--pair-retain=0.5"};
    return one;
}

Case blur_case() {
    Case one = objective_case("graddiff", {{"pair", {"--pair=sum"}}});
    one.base.push_back(in().word("retain", "kept-questions.jsonl"));
    one.base.push_back("--pair=blur");
    one.changed["pair-forget"] = {"--pair-forget=0.5"};
    return one;
}

Case undial_case() { return objective_case("undial", {{"reference-tokens", {"--reference-tokens=4"}}}); }

Case dpo_case() {
    Case one = objective_case("dpo", {{"refusals", {in().word("refusals", "other-refusals.txt")}}});
    one.base.push_back(in().word("retain", "kept-questions.jsonl"));
    one.base.push_back(in().word("refusals", "refusals.txt"));
    return one;
}

Case flat_case() {
    Case one = objective_case("flat", {{"divergence", {"--divergence=tv"}}});
    one.base.push_back(in().word("refusals", "refusals.txt"));
    return one;
}

Case attribute_case() {
    return {"attribute",
            {in().word("model", "model"), in().word("forget", "questions.jsonl"),
             in().word("retain", "kept-questions.jsonl")},
            with_compute({{"model", {in().word("model", "other-model")}},
                          {"objective", {"--objective=npo"}},
                          {"forget", {in().word("forget", "other-questions.jsonl")}},
                          {"retain", {in().word("retain", "other-kept-questions.jsonl")}},
                          {"form", {"--form=Q {prompt} A {answer}"}},
                          {"forget-weight", {"--forget-weight=0.5"}},
                          {"retain-weight", {"--retain-weight=0.5"}},
                          {"as-published", {"--as-published=muse"}},
                          {"score", {"--score=snip"}},
                          {"gamma", {"--gamma=0.125"}},
                          {"shares", {"--shares=0.5"}},
                          {"store-scores", {"--store-scores"}}})};
}

Case attribute_by_inputs_case() {
    return {"attribute",
            {in().word("model", "model"), "--score=wanda", "--stats=" + in().moments},
            {{"stats", {"--stats=" + in().other_moments}}}};
}

Case mask_case() {
    return {"mask",
            {"--op=union", "--masks=" + in().masks + "," + in().other_masks, "--selection=0.5"},
            {{"op", {"--op=intersect"}},
             {"masks", {"--masks=" + in().masks + "," + in().masks}},
             {"selection", {"--selection=0.25"}}}};
}

Case mask_invert_case() {
    return {"mask",
            {"--op=invert", "--masks=" + in().masks, "--selection=0.5"},
            {{"masks", {"--masks=" + in().other_masks}}, {"selection", {"--selection=0.25"}}}};
}

Case rmu_case() {
    Case one =
        objective_case("rmu", {{"layer", {"--layer=0"}}, {"steer", {"--steer=3"}}, {"adaptive", {"--adaptive=5"}}});
    one.base.push_back(in().word("retain", "kept-questions.jsonl"));
    return one;
}

Case trace_case() {
    return {"trace",
            {in().word("model", "model"), in().word("facts", "trace.json")},
            with_compute({{"model", {in().word("model", "other-model")}},
                          {"facts", {in().word("facts", "other-trace.json")}},
                          {"limit", {"--limit=1"}},
                          {"noise", {"--noise=0.25"}},
                          {"copies", {"--copies=3"}},
                          {"window", {"--window=3"}},
                          {"kinds", {"--kinds=state"}},
                          {"no-severed", {"--no-severed"}},
                          {"figures", {"--figures=1"}}})};
}

Case stats_case() {
    return {"stats",
            {in().word("model", "model"), in().word("corpus", "book.txt"), in().word("facts", "facts.jsonl"),
             in().word("leave-out", "leave-out.jsonl"), "--layers=0,1", "--window=16", "--tokens=24"},
            with_compute({{"model", {in().word("model", "other-model")}},
                          {"corpus", {in().word("corpus", "other-book.txt")}},
                          {"chars", {"--chars=40"}},
                          {"facts", {in().word("facts", "other-pool.jsonl")}},
                          {"leave-out", {in().word("leave-out", "facts-of-norland.jsonl")}},
                          {"leave-out-limit", {"--leave-out-limit=1"}},
                          {"layers", {"--layers=1"}},
                          {"maps", {"--maps=all"}},
                          {"window", {"--window=8"}},
                          {"tokens", {"--tokens=12"}},
                          {"skip", {"--skip=4"}},
                          {"until", {"--until=0.5"}},
                          {"batch-tokens", {"--batch-tokens=32"}},
                          {"groups", {"--groups=2"}}})};
}

Case repair_case() {
    return {"repair",
            {in().word("base", "model"), in().word("model", "other-model"), "--stats=" + in().moments,
             "--forget-stats=" + in().other_moments, in().word("holdout", "retain.txt"), "--perplexity-budget=0.5",
             in().word("familiarity-prompts", "prompts.json"), in().word("neighbour-prompts", "prompts.json")},
            with_compute({{"model", {in().word("model", "model")}},
                          {"stats", {"--stats=" + in().other_moments}},
                          {"forget-stats", {"--forget-stats=" + in().moments}},
                          {"ridge", {"--ridge=0.5"}},
                          {"scale", {"--scale=1.5"}},
                          {"others", {"--others=model"}},
                          {"perplexity-budget", {"--perplexity-budget=0.25"}},
                          {"utility-budget", {"--utility-budget=0.25"}},
                          {"lambdas", {"--lambdas=1,2"}},
                          {"holdout", {in().word("holdout", "book.txt")}},
                          {"window", {"--window=16"}},
                          {"familiarity-prompts", {in().word("familiarity-prompts", "other-prompts.json")}},
                          {"neighbour-prompts", {in().word("neighbour-prompts", "other-prompts.json")}}})};
}

Case repair_fixed_case() {
    return {"repair",
            {in().word("base", "model"), in().word("model", "other-model"), "--stats=" + in().moments, "--lambda=1"},
            {{"lambda", {"--lambda=2"}}}};
}

// What all methods that write into matrices read.
}  // namespace nepenthe::pipelines
