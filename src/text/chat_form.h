#pragma once
// A chat template as a form: what it writes around a message, with a place where the message goes. For options that
// take such forms ("Question: {}\nAnswer:"), and put many prompts into one. Templates that write a date write 26 July
// 2024, as Llama's do where they are told none: a form is the same on every day and every rank.

#include "text/chat_template.h"

#include <string>

namespace nepenthe::text {

// A user's message up to where the assistant answers, "{}" in its place. Throws Error(kData) for a template whose text
// has no single place for it: one that leaves the message out, repeats it, or writes "{}" itself.
std::string chat_prompt_form(const ChatTemplate& chat);

// Question and answer, "{prompt}" and "{answer}" in their places, to the end of the assistant's turn; white space
// behind that end, which no model says, is left out. Throws as chat_prompt_form().
std::string chat_answer_form(const ChatTemplate& chat);

}  // namespace nepenthe::text
