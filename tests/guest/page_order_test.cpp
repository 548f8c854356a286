#include "guest/touch/page_order.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace page_order_test {

namespace {

using namespace twofold::guest;

std::vector<std::uint64_t> visited(PageOrder const& order, std::uint64_t pages) {
    std::vector<std::uint64_t> all;
    visit_pages(order, pages, [&](std::uint64_t page) { all.push_back(page); });
    return all;
}

std::vector<std::uint64_t> in_sequence(std::uint64_t pages) {
    std::vector<std::uint64_t> all(pages);
    std::iota(all.begin(), all.end(), 0);
    return all;
}

constexpr std::uint64_t counts[] = {1, 2, 3, 7, 64, 100, 511, 512, 513, 1000};

} // namespace

TEST_CASE("every order visits each page exactly once") {
    std::vector<PageOrder> orders{{}};
    for (std::uint64_t const number : {1UL, 2UL, 3UL, 16UL, 511UL, 5000UL, ~0UL}) {
        orders.push_back({.pattern = Pattern::stride, .stride = number});
        orders.push_back({.pattern = Pattern::random, .seed = number});
    }
    for (auto const& order : orders) {
        for (std::uint64_t const pages : counts) {
            auto all = visited(order, pages);
            std::ranges::sort(all);
            REQUIRE(all == in_sequence(pages));
        }
    }
}

TEST_CASE("a stride goes through every n-th page, then through those beside them") {
    CHECK(visited({.pattern = Pattern::stride, .stride = 3}, 8) ==
          std::vector<std::uint64_t>{0, 3, 6, 1, 4, 7, 2, 5});
    CHECK(visited({.pattern = Pattern::stride, .stride = 1}, 5) == in_sequence(5));
    CHECK(visited({.pattern = Pattern::stride, .stride = 100}, 5) == in_sequence(5));
}

TEST_CASE("a random order is decided by its seed, and follows no neighbour") {
    auto const first = visited({.pattern = Pattern::random, .seed = 1}, 1000);
    CHECK(first == visited({.pattern = Pattern::random, .seed = 1}, 1000));
    CHECK(first != visited({.pattern = Pattern::random, .seed = 2}, 1000));
    std::size_t neighbours = 0;
    for (std::size_t at = 1; at < first.size(); ++at)
        neighbours += first[at] == first[at - 1] + 1 ? 1U : 0U;
    CHECK(neighbours < 50);
}

} // namespace page_order_test
