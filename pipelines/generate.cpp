#include "model/generate.h"
#include "pipelines/verb.h"

namespace nepenthe::pipelines {

Answer run_generate(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    std::filesystem::path folder;
    std::string prompt;
    bool greedy = false;
    model::GenerateOptions sampling;
    Options options("generate", "continue a prompt (sampled; --greedy for the most probable tokens)",
                    "nepenthe generate --model gemma-3-270m --prompt 'The capital of France is' --greedy");
    options.add("model", folder, "Hugging Face model folder");
    options.add("prompt", prompt, "text to continue");
    options.add("max-new-tokens", sampling.max_new_tokens, "length of the continuation", 1);
    options.add("greedy", greedy, "take the most probable token");
    options.add("temperature", sampling.temperature, "softmax temperature");
    options.add("top-k", sampling.top_k, "sample among the k most probable tokens; 0 = off", 0);
    options.add("top-p", sampling.top_p, "sample within this probability mass; 1 = off");
    common.declare(options);
    options.require("model");
    options.require("prompt");
    options.parse(arguments);
    common.apply(comm);

    Problems problems;
    if (greedy) options.refuse_unread({"temperature", "top-k", "top-p"}, "by sampling, not with --greedy", problems);
    if (sampling.max_new_tokens < 1) problems.add("--max-new-tokens must be at least 1");
    if (!(sampling.temperature > 0)) problems.add("--temperature must be positive; --greedy takes the maximum");
    if (!(sampling.top_p > 0 && sampling.top_p <= 1)) problems.add("--top-p must lie in (0, 1]");
    if (sampling.top_k < 0) problems.add("--top-k must not be negative");
    problems.throw_if_any(ErrorKind::kUsage, "options");

    const auto decoder = model::Decoder::load(folder, common.compute(), common.torch_device(comm));
    const auto tokenizer = load_tokenizer(folder, decoder.config());
    sampling.greedy = greedy;
    sampling.seed = common.seed;
    sampling.stop = tokenizer.ends();
    const auto prompt_ids = tokenizer.encode_ids(prompt, /*add_special_tokens=*/true);
    if (prompt_ids.empty()) fail(ErrorKind::kUsage, "the prompt has no tokens");
    const auto ids = model::generate(decoder, {prompt_ids}, sampling, {0})[0];
    Answer answer;
    answer.text = tokenizer.decode(ids, /*skip_special_tokens=*/true);
    answer.json = {{"prompt_ids", prompt_ids}, {"ids", ids}, {"text", answer.text}};
    return answer;
}

}  // namespace nepenthe::pipelines
