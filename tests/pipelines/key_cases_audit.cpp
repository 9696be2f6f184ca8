#include "key_cases.h"

#include "base/json.h"
#include "io/file.h"

#include <filesystem>

namespace nepenthe::pipelines {

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
