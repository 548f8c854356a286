// Lives a life without pattern that a seed decides: reads and writes pages, verifies them against a
// model, gives some back, keeps dirty logs and makes clones of itself, which live on by themselves.
// What it did is what scenario.hpp draws for the seed and the guest's number.
//
//   --pages N    how many pages are used (256)
//   --steps N    how many steps are taken; each generation of clones takes half of its parent's
//                (2000)
//   --seed N     decides about the steps (1)
//   --clones N   how many clones each generation's guest makes at most (2)
//   --depth N    how many generations of clones there are (2)
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/options.hpp"
#include "guest/scenario/modelled_pages.hpp"
#include "guest/scenario/steps.hpp"
#include "guest/scenario/write_log.hpp"

#include <algorithm>
#include <array>

namespace twofold::guest {

namespace {

struct Wanted {
    std::uint64_t pages = 256;
    std::uint64_t steps = 2000;
    std::uint64_t seed = 1;
    std::uint64_t clones = 2;
    std::uint64_t depth = 2;
};

Wanted wanted_by(Arguments arguments) {
    Wanted wanted;
    read_options(arguments, {{"--pages", wanted.pages},
                             {"--steps", wanted.steps},
                             {"--seed", wanted.seed},
                             {"--clones", wanted.clones},
                             {"--depth", wanted.depth}});
    return wanted;
}

/// What a guest did since it was made.
struct Done {
    std::array<std::uint64_t, scenario_weights.size()> steps{};
    std::uint64_t clones = 0;
    std::uint64_t refused = 0;
    std::uint64_t given_back = 0;
    std::uint64_t logs = 0;
};

class Life {
  public:
    Life(Wanted const& wanted, ModelledPages pages, WriteLog log)
        : wanted_(wanted), pages_(pages), log_(log), scenario_(scenario_of(own_number())) {}

    int live() {
        while (step_ < wanted_.steps >> generation_) {
            ++step_;
            if (!take(scenario_.next())) return 1;
        }
        if (log_.kept() && !collect()) return 1;
        if (!verify_all()) return 1;
        Line line;
        auto const say = [&](auto const&... pieces) { (put(line, pieces), ...); };
        say("guest ", number_, ", generation ", generation_, ": ");
        for (std::size_t kind = 0; kind < scenario_weights.size(); ++kind)
            say(name_of(scenario_weights[kind].step), ' ', done_.steps[kind], ", ");
        say("clones ", done_.clones, ", refused ", done_.refused, ", given back ", done_.given_back,
            ", logs ", done_.logs, ": all pages as written\n");
        write_console(line.text());
        return 0;
    }

  private:
    Scenario scenario_of(std::uint64_t number) {
        number_ = number;
        return Scenario{scenario_weights, wanted_.pages, wanted_.seed, number};
    }

    bool take(Scenario::Drawn const& drawn) {
        auto const kind = std::ranges::find(scenario_weights, drawn.step, &StepWeight::step);
        ++done_.steps[static_cast<std::size_t>(kind - scenario_weights.begin())];
        switch (drawn.step) {
            using enum ScenarioStep;
        case read:
            note_look(drawn.page);
            return verify_word(drawn.page, drawn.choice % ModelledPages::words);
        case verify: note_look(drawn.page); return verify_model() && verify_page(drawn.page);
        case store:
            pages_.store_first(drawn.page, own_stamp());
            log_.note(drawn.page, Noted::written);
            return true;
        case fill:
            pages_.fill(drawn.page, stamp_by(drawn.choice));
            log_.note(drawn.page, Noted::written);
            return true;
        case release: return give_back(drawn.page, drawn.choice);
        case log: return start_or_collect(drawn.choice);
        case clone: return make_clone();
        default: return false;
        }
    }

    /// One that no other guest and no earlier page has.
    std::uint64_t own_stamp() { return (number_ + 1) << 32 | ++serial_; }
    /// Some pages of all guests are alike.
    std::uint64_t stamp_by(std::uint64_t choice) {
        constexpr std::uint64_t alike = 4;
        return choice % 4 == 0 ? 1 + (choice >> 2) % alike : own_stamp();
    }

    bool give_back(std::uint64_t page, std::uint64_t choice) {
        std::uint64_t const end = std::min(page + 1 + choice % 8, pages_.count());
        std::uint64_t with_contents = 0;
        for (std::uint64_t at = page; at < end; ++at)
            with_contents += pages_.zeros(at) ? 0 : 1;
        auto const released = release_pages(pages_.at(page), end - page);
        if (!released) {
            ++done_.refused;
            return true;
        }
        for (std::uint64_t at = page; at < end; ++at) {
            log_.note(at, pages_.zeros(at) ? Noted::touched : Noted::written);
            pages_.forget(at);
        }
        done_.given_back += *released;
        if (*released >= with_contents && *released <= end - page) return true;
        print("step ", step_, ": of ", with_contents, " pages, ", *released, " were given back\n");
        return false;
    }

    bool start_or_collect(std::uint64_t choice) {
        if (!log_.kept()) {
            log_.start(static_cast<abi::DirtyLogging>(1 + choice % 3));
            done_.refused += log_.kept() ? 0 : 1;
            return true;
        }
        if (!collect()) return false;
        if (choice % 4 == 0) log_.stop();
        return true;
    }
    bool collect() {
        auto const wrong = log_.collect();
        ++done_.logs;
        if (wrong) print("step ", step_, ": the dirty log is wrong about page ", *wrong, '\n');
        return !wrong;
    }

    bool make_clone() {
        if (done_.clones == wanted_.clones || generation_ == wanted_.depth) return true;
        auto const clone = clone_self();
        if (!clone) {
            ++done_.refused;
            return true;
        }
        ++done_.clones;
        if (*clone != 0) return true;
        ++generation_;
        done_ = {};
        step_ = 0;
        scenario_ = scenario_of(own_number());
        log_.begin_clone();
        return verify_all();
    }

    void note_look(std::uint64_t page) {
        if (pages_.zeros(page)) log_.note(page, Noted::touched);
    }
    bool verify_word(std::uint64_t page, std::uint64_t index) const {
        if (pages_.holds(page, index)) return true;
        print("step ", step_, ": page ", page, ", word ", index, " is not as written\n");
        return false;
    }
    bool verify_page(std::uint64_t page) const {
        auto const wrong = pages_.wrong_word(page);
        return !wrong || verify_word(page, *wrong);
    }
    bool verify_model() const {
        if (pages_.model_is_whole()) return true;
        print("step ", step_, ": the model is not as written\n");
        return false;
    }
    bool verify_all() const {
        for (std::uint64_t page = 0; page < pages_.count(); ++page)
            if (!verify_page(page)) return false;
        return verify_model();
    }

    Wanted wanted_;
    ModelledPages pages_;
    WriteLog log_;
    std::uint64_t number_ = 0;
    std::uint64_t generation_ = 0;
    std::uint64_t serial_ = 0;
    std::uint64_t step_ = 0;
    Scenario scenario_;
    Done done_;
};

template <class T>
std::optional<std::span<T>> allocate(std::uint64_t count) {
    auto const pages = allocate_pages(pages_for(count * sizeof(T), page_4k));
    if (!pages) return std::nullopt;
    return std::span{pointer_to<T>(*pages), count};
}

} // namespace

int run_kernel(Arguments arguments) {
    Wanted const wanted = wanted_by(arguments);
    auto const models = allocate<PageModel>(wanted.pages);
    auto const words = allocate<std::uint64_t>(log_words(launch().memory_bytes));
    auto const noted = allocate<Noted>(wanted.pages);
    auto const pages = allocate_pages(wanted.pages);
    if (!models || !words || !noted || !pages || wanted.pages == 0) {
        print(arguments[0], ": no memory for ", wanted.pages, " pages\n");
        return 2;
    }
    return Life{wanted, ModelledPages{*pages, *models}, WriteLog{*pages, *words, *noted}}.live();
}

} // namespace twofold::guest
