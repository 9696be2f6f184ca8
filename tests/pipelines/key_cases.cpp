#include "key_cases.h"

namespace nepenthe::pipelines {

std::string name_of(const Case& one, const Words& words) {
    return find_verb(one.verb).key(*testing::world, {words, {}}).folder_name();
}

namespace {

// What every stage computes with.
std::map<std::string, Words> with_compute(std::map<std::string, Words> changed) {
    changed.merge(std::map<std::string, Words>{{"dtype", {"--dtype=bf16"}},
                                               {"device", {"--device=cuda"}},
                                               {"threads", {"--threads=3"}},
                                               {"seed", {"--seed=9"}}});
    return changed;
}

}  // namespace

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
Case edit_case(const std::string& method, std::map<std::string, Words> more) {
    Case one{"edit",
             {in().word("model", "model"), in().word("facts", "facts.jsonl"), "--method=" + method, "--layers=1"},
             with_compute({{"model", {in().word("model", "other-model")}},
                           {"facts", {in().word("facts", "other-facts.jsonl")}},
                           {"fact-prompt", {"--fact-prompt=Question: {}"}},
                           {"limit", {"--limit=1"}},
                           {"mode", {"--mode=one-at-a-time"}},
                           {"layers", {"--layers=0"}},
                           {"shared-subjects", {"--shared-subjects=keep"}},
                           {"facts-per-block", {"--facts-per-block=3"}},
                           {"skip-evaluation", {"--skip-evaluation"}}})};
    one.changed.merge(std::move(more));
    return one;
}

namespace {

Case edit_values_case() {
    Case one = edit_case("memit", {{"method", {"--method=emmet"}},
                                   {"moments", {"--moments=" + in().moments}},
                                   {"batch", {"--batch=1"}},
                                   {"lambda", {"--lambda=3"}},
                                   {"residual", {"--residual=bare"}},
                                   {"value-site", {"--value-site=block-output"}},
                                   {"prefixes", {"--prefixes=2"}},
                                   {"steps", {"--steps=3"}},
                                   {"lr", {"--lr=0.25"}},
                                   {"relative-lr", {"--relative-lr=0.375"}},
                                   {"clamp", {"--clamp=3"}},
                                   {"decay", {"--decay=0.0625"}},
                                   {"kl", {"--kl=0.5"}},
                                   {"stop-loss", {"--stop-loss=0.5"}},
                                   {"pilot", {in().word("pilot", "pool.jsonl")}},
                                   {"utility-text", {in().word("utility-text", "retain.txt")}},
                                   {"utility-probe", {in().word("utility-probe", "pool.jsonl")}}});
    // What an earlier run computed has the same bits; those of another are refused.
    one.promised = {{"values", {"--values=" + in().edited}}, {"before", {"--before=" + in().edited}}};
    return one;
}

Case edit_watched_case() {
    return {"edit",
            {in().word("model", "model"), in().word("facts", "facts.jsonl"), "--method=memit", "--layers=1",
             in().word("utility-text", "retain.txt"), in().word("utility-probe", "pool.jsonl")},
            {{"utility-budget", {"--utility-budget=0.5"}},
             {"utility-windows", {"--utility-windows=3"}},
             {"utility-altered", {"--utility-altered=0.5"}}}};
}

Case edit_tuned_case() {
    return {"edit",
            {in().word("model", "model"), in().word("facts", "facts.jsonl"), "--method=memit",
             in().word("pilot", "pool.jsonl"), "--pilot-layers=0,1"},
            {{"pilot", {in().word("pilot", "other-pool.jsonl")}},
             {"pilot-layers", {"--pilot-layers=1"}},
             {"pilot-clamps", {"--pilot-clamps=3"}},
             {"pilot-limit", {"--pilot-limit=1"}}}};
}

Case edit_unlearning_case() {
    return {"edit",
            {in().word("model", "model"), in().word("facts", "tofu-facts.json"), "--method=r-rome", "--format=tofu",
             "--target=avoidant", in().word("refusals", "refusals.txt"), "--layers=1"},
            {{"target", {"--target=dummy"}}, {"refusals", {in().word("refusals", "other-refusals.txt")}}}};
}

Case edit_rollback_case() {
    return {"edit", {"--model=" + in().edited, "--rollback=a"}, {{"rollback", {"--rollback=b"}}}};
}

}  // namespace

std::vector<Case> edit_cases() {
    Case fine_tuning = edit_case("ft", {{"ft-lr", {"--ft-lr=0.125"}}, {"ft-box", {"--ft-box=0.125"}}});
    // It is done in fp32, fact by fact.
    fine_tuning.changed.erase("dtype");
    fine_tuning.changed.erase("facts-per-block");
    return {edit_values_case(),
            edit_watched_case(),
            edit_tuned_case(),
            edit_unlearning_case(),
            edit_rollback_case(),
            edit_case("emmet", {{"emmet-weight", {"--emmet-weight=5"}}, {"emmet-mu", {"--emmet-mu=0.5"}}}),
            edit_case("alphaedit", {{"tau", {"--tau=0.125"}}, {"l2", {"--l2=3"}}}),
            edit_case("r-rome", {{"min-response", {"--min-response=0.5"}}}),
            fine_tuning};
}

namespace {

// What WISE and IKE share.
std::map<std::string, Words> beside() {
    return {{"model", {in().word("model", "other-model")}},
            {"facts", {in().word("facts", "other-facts.jsonl")}},
            {"pool", {in().word("pool", "other-pool.jsonl")}},
            {"fact-prompt", {"--fact-prompt=Question: {}"}},
            {"limit", {"--limit=1"}},
            {"skip-evaluation", {"--skip-evaluation"}},
            {"device", {"--device=cuda"}},
            {"threads", {"--threads=3"}},
            {"seed", {"--seed=9"}}};
}

}  // namespace

Case wise_case() {
    Case one{"edit",
             {"--method=wise", in().word("model", "model"), in().word("facts", "facts.jsonl"),
              in().word("pool", "pool.jsonl"), "--facts-per-shard=1"},
             beside()};
    one.changed.merge(std::map<std::string, Words>{{"layer", {"--layer=0"}},
                                                   {"steps", {"--steps=3"}},
                                                   {"lr", {"--lr=0.25"}},
                                                   {"alpha", {"--alpha=0.25"}},
                                                   {"beta", {"--beta=30"}},
                                                   {"gamma", {"--gamma=3"}},
                                                   {"stop-loss", {"--stop-loss=0.5"}},
                                                   {"irrelevant-rows", {"--irrelevant-rows=2"}},
                                                   {"quiet-directions", {"--quiet-directions=3"}},
                                                   {"prefixes", {"--prefixes=3"}},
                                                   {"mask-ratio", {"--mask-ratio=0.5"}},
                                                   {"facts-per-shard", {"--facts-per-shard=2"}},
                                                   {"merge-shards", {"--merge-shards=3"}},
                                                   {"ratio", {"--ratio=0.5"}},
                                                   {"as-published", {"--as-published", "--published-row=llama-2-7b"}}});
    return one;
}

Case ike_case() {
    Case one{"edit",
             {"--method=ike", in().word("model", "model"), in().word("encoder", "encoder"),
              in().word("facts", "facts.jsonl"), in().word("pool", "pool.jsonl")},
             beside()};
    one.changed["encoder"] = {in().word("encoder", "other-encoder")};
    one.changed["demonstrations"] = {"--demonstrations=2"};
    one.changed["reserve"] = {"--reserve=4"};
    one.changed["dtype"] = {"--dtype=bf16"};
    return one;
}

}  // namespace nepenthe::pipelines
