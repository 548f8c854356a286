// Uses much memory and trusts none of it: fills pages, overwrites them in an order without pattern,
// and verifies each word before and at the end. What it gives back must read as zeros.
//
//   --pages N    how many pages (1024)
//   --passes N   how often all of them are verified and overwritten (1)
//   --release N  how many of them it gives back after each pass (0)
//   --cold N     how many of them it writes once, and verifies at the end only (0)
//   --words N    how many words of each page it fills, a power of two (512, which is all)
//   --seed N     decides about the order (1)
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/pressure/filled_pages.hpp"
#include "guest/touch/page_order.hpp"

namespace twofold::guest {

namespace {

constexpr int exit_success = 0;
constexpr int exit_wrong_contents = 1;
constexpr int exit_usage = 2;
constexpr int exit_refused = 3;

struct PressureJob {
    std::uint64_t pages = 1024;
    std::uint64_t passes = 1;
    std::uint64_t release = 0;
    std::uint64_t cold = 0;
    std::uint64_t words = FilledPages::words_of_page;
    std::uint64_t seed = 1;
};

PressureJob read_job(Arguments arguments) {
    PressureJob job;
    read_options(arguments, {{"--pages", job.pages},
                             {"--passes", job.passes},
                             {"--release", job.release},
                             {"--cold", job.cold},
                             {"--words", job.words},
                             {"--seed", job.seed}});
    return job;
}

bool report_wrong(std::optional<Gpa> const& wrong, std::string_view instead) {
    if (wrong) print("gpa ", abi::hex(*wrong), " does not hold ", instead, '\n');
    return !wrong;
}

bool overwrite_all(PressureJob const& job, FilledPages& pages, std::uint64_t pass) {
    bool all = true;
    PageOrder const order{.pattern = Pattern::random, .seed = job.seed + pass};
    std::uint64_t const first = pass > 0 ? job.cold : 0;
    visit_pages(order, pages.count() - first, [&](std::uint64_t number) {
        std::uint64_t const page = first + number;
        if (pass > 0) all = report_wrong(pages.wrong(page, pass - 1), "what was written") && all;
        pages.fill(page, pass);
    });
    return all;
}

/// Gives the first pages back. Of those, every second is read first, the others written.
int release_some(PressureJob const& job, FilledPages& pages, std::uint64_t pass) {
    auto const released = release_pages(pages.at(0), job.release);
    if (!released) {
        print("pages can't be given back here\n");
        return exit_refused;
    }
    print("gave ", *released, " pages back\n");
    if (*released != job.release) return exit_wrong_contents;
    for (std::uint64_t page = 0; page < job.release; ++page) {
        if (page % 2 == 0 && !report_wrong(pages.not_zero(page), "zero"))
            return exit_wrong_contents;
        pages.fill(page, pass);
    }
    return exit_success;
}

int run_job(PressureJob const& job, FilledPages& pages) {
    if (!overwrite_all(job, pages, 0)) return exit_wrong_contents;
    for (std::uint64_t pass = 1; pass <= job.passes; ++pass) {
        if (!overwrite_all(job, pages, pass)) return exit_wrong_contents;
        if (job.release == 0) continue;
        if (int const failed = release_some(job, pages, pass)) return failed;
    }
    for (std::uint64_t page = 0; page < pages.count(); ++page)
        if (!report_wrong(pages.wrong(page, page < job.cold ? 0 : job.passes), "what was written"))
            return exit_wrong_contents;
    print(pages.count(), " pages hold what was written\n");
    return exit_success;
}

} // namespace

int run_kernel(Arguments arguments) {
    PressureJob job = read_job(arguments);
    std::uint64_t const free = pages_left();
    auto const first = allocate_pages(job.pages);
    if (!first || job.pages == 0 || job.release > job.pages || job.cold > job.pages ||
        (job.cold > 0 && job.release > 0)) {
        print(arguments[0], ": ", job.pages, " pages are wanted, ", job.release,
              " of them to give back or ", job.cold, " to leave alone, and memory has ", free,
              '\n');
        return exit_usage;
    }
    if (!FilledPages::can_fill(job.words)) {
        print(arguments[0], ": --words ", job.words, " is no power of two up to ",
              FilledPages::words_of_page, '\n');
        return exit_usage;
    }
    FilledPages pages{*first, job.pages, own_number(), job.words};
    return run_job(job, pages);
}

} // namespace twofold::guest
