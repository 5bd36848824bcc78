"""What each field of a completion or chat request does, with a real model. Run by test_server.py."""
import math
import unittest

from api_client import MODEL, QUESTION, chat, client, complete, greedy, post, streamed_text, tokens_of

START = "Once upon a time"


class Sampling(unittest.TestCase):
    def test_logit_bias_bans_and_forces(self):
        free = greedy(return_token_ids=True)
        banned = complete(START, max_tokens=12, temperature=0, logit_bias={str(free.token_ids[0]): -100},
                          extra_body={"return_token_ids": True}).choices[0]
        self.assertNotIn(free.token_ids[0], banned.token_ids)
        wanted = tokens_of(" purple")[0]
        forced = complete(START, max_tokens=3, temperature=0, logit_bias={str(wanted): 100},
                          extra_body={"return_token_ids": True}).choices[0]
        self.assertEqual(forced.token_ids, [wanted] * 3)

    def test_allowed_token_ids_are_all_that_can_come(self):
        allowed = tokens_of(" red") + tokens_of(" blue")
        choice = complete(START, max_tokens=20, seed=1, temperature=2,
                          extra_body={"allowed_token_ids": allowed, "return_token_ids": True}).choices[0]
        self.assertLessEqual(set(choice.token_ids), set(allowed))

    def test_bad_words_do_not_come(self):
        word = greedy(max_tokens=24).text.split()[2]
        self.assertNotIn(word, greedy(max_tokens=24, bad_words=[word]).text.split())

    def test_min_p_of_one_is_greedy(self):
        drawn = complete(START, max_tokens=12, temperature=1.5, seed=3, extra_body={"min_p": 1}).choices[0].text
        self.assertEqual(drawn, greedy().text)

    def test_top_k_of_one_is_greedy(self):
        drawn = complete(START, max_tokens=12, temperature=1.5, seed=3, extra_body={"top_k": 1}).choices[0].text
        self.assertEqual(drawn, greedy().text)

    def test_a_small_top_p_is_greedy(self):
        self.assertEqual(complete(START, max_tokens=12, temperature=1.5, seed=3, top_p=1e-6).choices[0].text, greedy().text)

    def test_typical_p_changes_draws_and_one_does_not(self):
        drawn = [complete(START, max_tokens=24, seed=5, temperature=1.5, extra_body={"typical_p": value}).choices[0].text
                 for value in (1, 0.05)]
        self.assertEqual(drawn[0], complete(START, max_tokens=24, seed=5, temperature=1.5).choices[0].text)
        self.assertNotEqual(drawn[0], drawn[1])

    def test_a_frequency_penalty_ends_repetition(self):
        repeated = "red red red red red red red"
        free = complete(repeated, max_tokens=24, temperature=0, extra_body={"return_token_ids": True}).choices[0].token_ids
        other = complete(repeated, max_tokens=24, temperature=0, frequency_penalty=2,
                         extra_body={"return_token_ids": True}).choices[0].token_ids
        self.assertLess(len(set(free)), len(set(other)))

    def test_a_presence_penalty_changes_the_answer(self):
        repeated = "red red red red red red red"
        self.assertNotEqual(complete(repeated, max_tokens=24, temperature=0, presence_penalty=2).choices[0].text,
                            complete(repeated, max_tokens=24, temperature=0).choices[0].text)

    def test_a_repetition_penalty_counts_the_prompt(self):
        repeated = "red red red red red red red"
        self.assertNotIn("red", greedy(repeated, 1, repetition_penalty=5).text)
        self.assertIn("red", greedy(repeated, 1).text)

    def test_neutral_values_change_nothing(self):
        neutral = {"min_p": 0, "typical_p": 1, "repetition_penalty": 1, "top_k": 0, "bad_words": [], "min_tokens": 0}
        self.assertEqual(greedy(**neutral).text, greedy().text)
        self.assertEqual(complete(START, max_tokens=12, temperature=0, presence_penalty=0, frequency_penalty=0,
                                  logit_bias={}).choices[0].text, greedy().text)


class Ends(unittest.TestCase):
    def test_a_stop_token_ends_and_is_named(self):
        ids = greedy(return_token_ids=True).token_ids
        stop = next(token for token in ids if ids.index(token) >= 2)
        choice = greedy(stop_token_ids=[stop], return_token_ids=True)
        self.assertEqual((choice.finish_reason, choice.stop_reason), ("stop", stop))
        self.assertEqual(choice.token_ids, ids[:ids.index(stop) + 1])

    def test_the_stop_string_may_stay(self):
        text = greedy(max_tokens=24).text
        stop = text[10:14]
        kept = complete(START, max_tokens=24, temperature=0, stop=stop, extra_body={"include_stop_str_in_output": True}).choices[0]
        self.assertEqual(kept.text, text[:text.index(stop) + len(stop)])
        self.assertEqual(kept.stop_reason, stop)

    def test_the_first_of_several_stop_strings_counts(self):
        text = greedy(max_tokens=24).text
        stops = [text[12:15], text[6:9], "never there"]
        first = min(text.index(stop) for stop in stops[:2])
        self.assertEqual(complete(START, max_tokens=24, temperature=0, stop=stops).choices[0].text, text[:first])

    def test_min_tokens_holds_off_the_end(self):
        short = chat([{"role": "user", "content": "Say only: yes"}], max_tokens=60, temperature=0)
        self.assertEqual(short.choices[0].finish_reason, "stop")
        longer = chat([{"role": "user", "content": "Say only: yes"}], max_tokens=60, temperature=0,
                      extra_body={"min_tokens": short.usage.completion_tokens + 5})
        self.assertGreaterEqual(longer.usage.completion_tokens, short.usage.completion_tokens + 5)

    def test_ignore_eos_goes_on(self):
        answer = chat([{"role": "user", "content": "Say only: yes"}], max_tokens=60, temperature=0,
                      extra_body={"ignore_eos": True})
        self.assertEqual((answer.usage.completion_tokens, answer.choices[0].finish_reason), (60, "length"))

    def test_max_completion_tokens_is_the_newer_name(self):
        self.assertEqual(chat(max_tokens=9, max_completion_tokens=3, temperature=0).usage.completion_tokens, 3)

    def test_special_tokens_may_be_shown(self):
        ends = {"max_tokens": 60, "temperature": 0}
        messages = [{"role": "user", "content": "Say only: yes"}]
        hidden = chat(messages, **ends).choices[0].message.content
        shown = chat(messages, **ends, extra_body={"skip_special_tokens": False, "ignore_eos": True, "min_tokens": 0})
        self.assertNotIn("<|im_end|>", hidden)
        self.assertIn("<|im_end|>", shown.choices[0].message.content)


class Prompts(unittest.TestCase):
    def test_each_form_of_a_prompt_means_the_same(self):
        ids = tokens_of(START)
        texts = [complete(form, max_tokens=6, temperature=0).choices[0].text for form in (START, [START], ids, [ids])]
        self.assertEqual(len(set(texts)), 1)

    def test_prompts_times_n_have_their_indices(self):
        prompts = [tokens_of(text) for text in (START, "Water boils at", "One two three")]
        many = complete(prompts, n=3, max_tokens=5, seed=11)
        self.assertEqual([choice.index for choice in many.choices], list(range(9)))
        for index, prompt in enumerate(prompts):
            alone = complete(prompt, n=3, max_tokens=5, seed=11)
            self.assertEqual([choice.text for choice in many.choices[3 * index:3 * index + 3]],
                             [choice.text for choice in alone.choices])

    def test_several_prompts_stream_with_their_indices(self):
        texts = {}
        for chunk in complete([START, "Water boils at"], n=2, max_tokens=5, seed=11, stream=True):
            texts[chunk.choices[0].index] = texts.get(chunk.choices[0].index, "") + chunk.choices[0].text
        whole = complete([START, "Water boils at"], n=2, max_tokens=5, seed=11)
        self.assertEqual([texts[i] for i in range(4)], [choice.text for choice in whole.choices])

    def test_truncation_keeps_the_end_or_the_start(self):
        ids = tokens_of("one two three four five six seven eight")
        for side, kept in (("left", ids[-3:]), ("right", ids[:3])):
            choice = greedy(ids, 1, truncate_prompt_tokens=3, truncation_side=side, return_token_ids=True)
            self.assertEqual(choice.prompt_token_ids, kept)

    def test_a_prompt_that_is_too_long_may_be_cut_to_fit(self):
        cut = complete("word " * 9000, max_tokens=8190 - 16, temperature=0, extra_body={"truncate_prompt_tokens": -1}, stop=[" "])
        self.assertEqual(cut.usage.prompt_tokens, 8192 - (8190 - 16))

    def test_echo_gives_the_prompt_before_the_answer(self):
        free = greedy(max_tokens=4).text
        self.assertEqual(complete(START, echo=True, max_tokens=4, temperature=0).choices[0].text, START + free)
        self.assertEqual(streamed_text(START, echo=True, max_tokens=4, temperature=0), START + free)

    def test_echo_of_token_ids_is_their_text(self):
        self.assertTrue(complete(tokens_of(START), echo=True, max_tokens=1, temperature=0).choices[0].text.startswith(START))

    def test_text_in_messages_is_never_a_control_token(self):
        ids = post("/tokenize", {"messages": [{"role": "user", "content": "<|im_end|>"}]})["tokens"]
        plain = post("/tokenize", {"messages": [{"role": "user", "content": "x"}]})["tokens"]
        end = tokens_of("<|im_end|>")
        self.assertEqual(len(end), 1)  # in a completion's prompt it counts
        self.assertEqual(ids.count(end[0]), plain.count(end[0]))

    def test_a_cache_salt_keeps_prompts_apart_and_answers_alike(self):
        long = "The quick brown fox jumps over the lazy dog. " * 20
        self.assertEqual(greedy(long, 6, cache_salt="a").text, greedy(long, 6, cache_salt="b").text)


class Chats(unittest.TestCase):
    def test_a_conversation_goes_on_inside_the_last_message(self):
        messages = [*QUESTION, {"role": "assistant", "content": "The capital of France is"}]
        answer = chat(messages, max_tokens=4, temperature=0, extra_body={"continue_final_message": True, "add_generation_prompt": False})
        self.assertIn("Paris", answer.choices[0].message.content)
        echoed = chat(messages, max_tokens=4, temperature=0,
                      extra_body={"continue_final_message": True, "add_generation_prompt": False, "echo": True})
        self.assertEqual(echoed.choices[0].message.content, messages[-1]["content"] + answer.choices[0].message.content)

    def test_a_template_of_the_request_is_used(self):
        template = "{% for m in messages %}{{ m.content }}{% endfor %}{{ ending }}"
        ids = chat([{"role": "user", "content": "The capital of"}], max_tokens=1, temperature=0, extra_body={
            "chat_template": template, "chat_template_kwargs": {"ending": " France is"}, "return_token_ids": True}).prompt_token_ids
        self.assertEqual(ids, tokens_of("The capital of France is"))

    def test_a_template_sees_tools_documents_and_names(self):
        template = "{{ tools[0].function.name }} {{ documents[0].text }} {{ messages[0].name }} {{ reasoning_effort }}"
        ids = chat([{"role": "user", "content": "x", "name": "ann"}], max_tokens=1, tool_choice="none",
                   tools=[{"type": "function", "function": {"name": "f"}}], reasoning_effort="low",
                   extra_body={"chat_template": template, "documents": [{"text": "d"}], "return_token_ids": True}).prompt_token_ids
        self.assertEqual(post("/detokenize", {"tokens": ids})["prompt"], "f d ann low")

    def test_n_choices_of_a_chat_are_numbered_and_differ(self):
        answers = chat(n=3, max_tokens=12, seed=2, temperature=1.5).choices
        self.assertEqual([choice.index for choice in answers], [0, 1, 2])
        self.assertEqual(len({choice.message.content for choice in answers}), 3)

    def test_n_choices_stream_with_one_role_and_one_end_each(self):
        roles, ends = [], []
        for chunk in chat(n=2, max_tokens=4, seed=2, stream=True):
            choice = chunk.choices[0]
            roles += [choice.index] if choice.delta.role else []
            ends += [choice.index] if choice.finish_reason else []
        self.assertEqual((sorted(roles), sorted(ends)), ([0, 1], [0, 1]))

    def test_a_developer_message_is_taken_as_the_template_does(self):
        answer = chat([{"role": "developer", "content": "Be short."}, *QUESTION], max_tokens=4, temperature=0)
        self.assertGreater(answer.usage.prompt_tokens, chat(max_tokens=4).usage.prompt_tokens)


class Outputs(unittest.TestCase):
    def test_stream_interval_makes_fewer_chunks_of_the_same_text(self):
        chunks = list(complete(START, max_tokens=12, temperature=0, stream=True, extra_body={"stream_interval": 5}))
        self.assertEqual(len(chunks), 4)  # 1 + 5 + 5 + 1
        self.assertEqual("".join(chunk.choices[0].text for chunk in chunks), greedy().text)

    def test_usage_may_come_with_every_chunk(self):
        chunks = list(complete(START, max_tokens=5, temperature=0, stream=True,
                               stream_options={"include_usage": True, "continuous_usage_stats": True}))
        self.assertEqual([chunk.usage.completion_tokens for chunk in chunks], [1, 2, 3, 4, 5, 5])

    def test_token_ids_of_a_stream_are_those_of_the_whole(self):
        whole = greedy(return_token_ids=True)
        chunks = list(complete(START, max_tokens=12, temperature=0, stream=True, extra_body={"return_token_ids": True}))
        self.assertEqual(sum((chunk.choices[0].token_ids for chunk in chunks), []), whole.token_ids)
        self.assertEqual(chunks[0].choices[0].prompt_token_ids, whole.prompt_token_ids)

    def test_tokens_may_be_named_by_their_ids(self):
        choice = complete(START, max_tokens=3, temperature=0, logprobs=1,
                          extra_body={"return_tokens_as_token_ids": True, "return_token_ids": True}).choices[0]
        self.assertEqual(choice.logprobs.tokens, [f"token_id:{token}" for token in choice.token_ids])

    def test_prompt_logprobs_are_those_of_an_echo(self):
        echoed = complete(START, echo=True, max_tokens=0, logprobs=0).choices[0].logprobs
        ids = tokens_of(START)
        listed = greedy(START, 1, prompt_logprobs=1).prompt_logprobs
        self.assertIsNone(listed[0])
        self.assertEqual([entry[str(token)]["logprob"] for entry, token in zip(listed[1:], ids[1:])], echoed.token_logprobs[1:])
        ranks = [value["rank"] for entry in listed[1:] for value in entry.values()]
        self.assertEqual(ranks.count(1), len(ids) - 1)

    def test_prompt_logprobs_of_a_chat_are_beside_its_choices(self):
        answer = chat(max_tokens=1, extra_body={"prompt_logprobs": 0, "return_token_ids": True})
        self.assertEqual(len(answer.prompt_logprobs), len(answer.prompt_token_ids))

    def test_logprobs_of_zero_have_the_token_alone(self):
        logprobs = complete(START, max_tokens=3, temperature=0, logprobs=0).choices[0].logprobs
        self.assertEqual([list(top) for top in logprobs.top_logprobs], [[token] for token in logprobs.tokens])

    def test_logprobs_are_of_the_raw_distribution(self):
        plain = complete(START, max_tokens=1, temperature=0, logprobs=2).choices[0].logprobs.top_logprobs[0]
        hot = complete(START, max_tokens=1, temperature=1.5, seed=1, logprobs=2).choices[0].logprobs.top_logprobs[0]
        for token, value in plain.items():
            self.assertTrue(math.isclose(hot.get(token, value), value, abs_tol=1e-5))

    def test_the_id_of_a_request_may_be_given(self):
        self.assertEqual(complete(START, max_tokens=1, extra_body={"request_id": "mine"}).id, "cmpl-mine")
        self.assertEqual(client().chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=1,
                                                          extra_headers={"X-Request-Id": "theirs"}).id, "chatcmpl-theirs")

    def test_fields_without_effect_are_accepted(self):
        same = complete(START, max_tokens=12, temperature=0, user="me", best_of=1,
                        extra_body={"priority": 0, "session_id": "s", "metadata": {"a": "b"}, "never_heard_of": [1]})
        self.assertEqual(same.choices[0].text, greedy().text)
