#include "key_cases.h"

namespace nepenthe::pipelines {

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
