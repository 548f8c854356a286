// Touches pages in a chosen order, each of them once a pass, and checks at the end that all of them
// hold what they must.
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/processor.hpp"
#include "guest/touch/fetch.hpp"
#include "guest/touch/page_order.hpp"
#include "guest/touch/touched_pages.hpp"

#include <twofold/arch/access.hpp>

#include <array>

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_wrong_contents = 1;
constexpr int exit_usage = 2;

constexpr std::array<std::string_view, 3> pattern_names{"sequential", "stride", "random"};
constexpr std::array<std::string_view, 3> access_names{"read", "write", "execute"};

struct Job {
    std::uint64_t pages = 1024;
    std::uint64_t passes = 1;
    PageOrder order;
    Access access = Access::write;
};

Job job_by(Arguments arguments) {
    Job job;
    for (Options options{arguments}; auto const argument = options.next();) {
        if (*argument == "--pattern") {
            job.order.pattern = static_cast<Pattern>(
                options.choice({pattern_names[0], pattern_names[1], pattern_names[2]}));
        } else if (*argument == "--stride") {
            job.order.pattern = Pattern::stride;
            job.order.stride = options.number();
        } else if (*argument == "--seed") {
            job.order.pattern = Pattern::random;
            job.order.seed = options.number();
        } else if (*argument == "--access") {
            job.access = static_cast<Access>(
                options.choice({access_names[0], access_names[1], access_names[2]}));
        } else if (*argument == "--passes") {
            job.passes = options.number();
        } else if (*argument == "--pages") {
            job.pages = options.number();
        } else if (auto const pages = parse_number(*argument)) {
            job.pages = *pages;
        } else {
            options.refuse();
        }
    }
    return job;
}

bool makes_sense(Job const& job) {
    std::string_view const zero = job.pages == 0          ? "--pages"
                                  : job.passes == 0       ? "--passes"
                                  : job.order.stride == 0 ? "--stride"
                                                          : "";
    if (!zero.empty()) print(arguments()[0], ": ", zero, " takes a number above 0\n");
    return zero.empty();
}

/// What a page held wrongly.
class Findings {
  public:
    void add(WrongWord const& wrong) {
        if (count_++ < most_printed) {
            print("gpa ", abi::hex(wrong.gpa), " holds ", abi::hex(wrong.found), ", not ",
                  abi::hex(wrong.expected), '\n');
        }
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }

  private:
    static constexpr std::uint64_t most_printed = 8;
    std::uint64_t count_ = 0;
};

void touch(TouchedPages& pages, std::uint64_t page, Access access, std::uint64_t pass) {
    switch (access) {
    case Access::read: static_cast<void>(pages.first_word(page)); break;
    case Access::write: pages.mark(page, pass); break;
    case Access::execute: fetch_from(Gva{pages.at(page).value()}); break;
    }
}

/// One touch of each page; from the second pass on, a page that is to be written is first looked
/// at.
void run_pass(Job const& job, TouchedPages& pages, std::uint64_t pass, Findings& findings) {
    visit_pages(job.order, pages.count(), [&](std::uint64_t page) {
        if (job.access == Access::write && pass > 0) {
            std::uint64_t const found = pages.first_word(page);
            std::uint64_t const expected = pages.mark_of(page, pass - 1);
            if (found != expected) findings.add({pages.at(page), found, expected});
        }
        touch(pages, page, job.access, pass);
    });
}

void run_passes(Job const& job, TouchedPages& pages, Findings& findings) {
    for (std::uint64_t pass = 0; pass < job.passes; ++pass) {
        std::uint64_t const begin = read_ticks();
        run_pass(job, pages, pass, findings);
        print("pass ", pass + 1, ": ", read_ticks() - begin, " ticks\n");
    }
}

void check_all(Job const& job, TouchedPages const& pages, Findings& findings) {
    for (std::uint64_t page = 0; page < pages.count(); ++page) {
        bool const written = job.access == Access::write;
        std::uint64_t const first_word = written ? pages.mark_of(page, job.passes - 1) : 0;
        if (auto const wrong = pages.check(page, first_word)) findings.add(*wrong);
    }
}

void print_job(Job const& job, Gpa first) {
    print(access_names[static_cast<std::size_t>(job.access)], ' ', job.pages, " pages from gpa ",
          abi::hex(first), ", ", pattern_names[static_cast<std::size_t>(job.order.pattern)]);
    if (job.order.pattern == Pattern::stride) print(' ', job.order.stride);
    if (job.order.pattern == Pattern::random) print(", seed ", job.order.seed);
    print('\n');
}

} // namespace

int run_kernel(Arguments arguments) {
    Job const job = job_by(arguments);
    if (!makes_sense(job)) return exit_usage;
    std::uint64_t const free = pages_left();
    auto const first = allocate_pages(job.pages);
    if (!first) {
        print(arguments[0], ": ", job.pages, " pages are wanted, and memory has ", free,
              " that are free\n");
        return exit_usage;
    }
    print_job(job, *first);
    if (job.access == Access::execute) prepare_fetches();

    TouchedPages pages{*first, job.pages};
    Findings findings;
    run_passes(job, pages, findings);
    check_all(job, pages, findings);
    if (findings.count() > 0) {
        print(findings.count(), " words are wrong\n");
        return exit_wrong_contents;
    }
    print("all of them hold what they must\n");
    return exit_success;
}

} // namespace twofold::guest
