#include "model/generate.h"
#include "pipelines/verb.h"
#include "text/chat_template.h"

namespace nepenthe::pipelines {

namespace {

// The prompt as what a user says, behind `system` where there is one, up to where the assistant answers.
std::string as_conversation(const std::filesystem::path& folder, const std::string& system, const std::string& prompt) {
    std::vector<text::ChatMessage> messages;
    if (!system.empty()) messages.push_back({"system", system});
    messages.push_back({"user", prompt});
    return text::ChatTemplate::load(folder).render(messages);
}

}  // namespace

Answer run_generate(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    std::filesystem::path folder;
    std::string prompt, system;
    bool greedy = false, chat = false;
    model::GenerateOptions sampling;
    Options options("generate", "continue a prompt (sampled; --greedy for the most probable tokens)",
                    "nepenthe generate --model gemma-3-270m --prompt 'The capital of France is' --greedy");
    options.add("model", folder, "Hugging Face model folder");
    options.add("prompt", prompt, "text to continue");
    options.add("chat", chat, "the prompt is a user's message, in the model's chat template; the model answers it");
    options.add("system", system, "what the system says before it, with --chat");
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
    if (!chat) options.refuse_unread({"system"}, "with --chat", problems);
    if (sampling.max_new_tokens < 1) problems.add("--max-new-tokens must be at least 1");
    if (!(sampling.temperature > 0)) problems.add("--temperature must be positive; --greedy takes the maximum");
    if (!(sampling.top_p > 0 && sampling.top_p <= 1)) problems.add("--top-p must lie in (0, 1]");
    if (sampling.top_k < 0) problems.add("--top-k must not be negative");
    problems.throw_if_any(ErrorKind::kUsage, "options");

    Answer answer;
    if (chat) {
        prompt = as_conversation(folder, system, prompt);
        answer.json["prompt"] = prompt;
    }
    const auto decoder = model::Decoder::load(folder, common.compute(), common.torch_device(comm));
    const auto tokenizer = load_tokenizer(folder, decoder.config());
    sampling.greedy = greedy;
    sampling.seed = common.seed;
    sampling.stop = tokenizer.ends();
    // A template brings the tokens that a conversation begins with; those of a plain text do not belong to it.
    const auto prompt_ids = tokenizer.encode_ids(prompt, /*add_special_tokens=*/!chat);
    if (prompt_ids.empty()) fail(ErrorKind::kUsage, "the prompt has no tokens");
    const auto ids = model::generate(decoder, {prompt_ids}, sampling, {0})[0];
    answer.text = tokenizer.decode(ids, /*skip_special_tokens=*/true);
    answer.json.update({{"prompt_ids", prompt_ids}, {"ids", ids}, {"text", answer.text}});
    return answer;
}

}  // namespace nepenthe::pipelines
