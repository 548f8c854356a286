#include "catch.hpp"
#include "support/recording_memory.hpp"
#include "support/table_allocator.hpp"

#include <twofold/paging/map.hpp>
#include <twofold/paging/walk.hpp>

#include <map>
#include <random>
#include <vector>

namespace map_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using X86 = X86Format<Hva, Hpa, 4>;
using Ept = EptFormat<4>;

template <class Format>
struct Scene {
    RecordingMemory memory;
    TableFrames<Hpa> tables{memory};
    Format format{};
    Hpa root = *tables.allocate_table();

    auto map_page(std::uint64_t input, PageSize size, std::uint64_t output,
                  Permissions permissions = read_write_execute) {
        return map(format, root, typename Format::Input{input}, size, Hpa{output}, permissions,
                   memory, tables);
    }
    auto walk_to(std::uint64_t input) {
        return walk(format, root, typename Format::Input{input}, memory);
    }
};

constexpr std::uint64_t gib = 1 << 30;

} // namespace

TEMPLATE_TEST_CASE("what is mapped is what a walk finds, for every leaf size", "", X86, Ept) {
    Scene<TestType> scene;
    REQUIRE(scene.map_page(0x1000, page_4k, 0x9000));
    REQUIRE(scene.map_page(0x20'0000, page_2m, 0x4000'0000 - 0x20'0000));
    REQUIRE(scene.map_page(511 * gib, page_1g, 7 * gib));
    CHECK(scene.walk_to(0x1abc)->address == Hpa{0x9abc});
    CHECK(scene.walk_to(0x20'0000 + 0x12'3456)->address ==
          Hpa{0x4000'0000 - 0x20'0000 + 0x12'3456});
    CHECK(scene.walk_to(511 * gib + gib - 1)->address == Hpa{8 * gib - 1});
    CHECK(scene.walk_to(511 * gib)->page_size == page_1g);
    CHECK_FALSE(scene.walk_to(0x2000));
}

TEMPLATE_TEST_CASE("a mapping allows exactly what was asked for", "", X86, Ept) {
    Scene<TestType> scene;
    std::uint64_t input = 0;
    for (Permissions wanted : {read_only, read_write, read_execute, read_write_execute}) {
        REQUIRE(scene.map_page(input, page_4k, 0x9000, wanted));
        auto const found = scene.walk_to(input);
        REQUIRE(found);
        CHECK(found->permissions.read == wanted.read);
        CHECK(found->permissions.write == wanted.write);
        CHECK(found->permissions.execute == wanted.execute);
        input += 4096;
    }
}

TEST_CASE("a mapping becomes visible by its last store, and by that one alone") {
    for (PageSize size : {page_4k, page_2m, page_1g}) {
        Scene<Ept> scene;
        scene.memory.forget_stores();
        REQUIRE(scene.map_page(5 * gib, size, gib));
        std::size_t const stores = scene.memory.stores().size();
        CHECK(stores == Ept::levels - Ept::level_of(size) + 1);
        CHECK(scene.memory.stores().back().address ==
              scene.root.value() + 8 * Ept::index(Gpa{5 * gib}, 4));
        for (std::size_t seen = 0; seen < stores; ++seen) {
            scene.memory.rewind_to(seen);
            CHECK_FALSE(scene.walk_to(5 * gib));
            scene.memory.replay_from(seen);
        }
        CHECK(scene.walk_to(5 * gib));
    }
}

TEST_CASE("without a frame for a table nothing changes and nothing leaks") {
    for (std::uint64_t frames = 0; frames < 3; ++frames) {
        Scene<Ept> scene;
        scene.tables.run_out_after(frames);
        auto const result = scene.map_page(0x1000, page_4k, 0x2000);
        REQUIRE_FALSE(result);
        CHECK(result.error() == MapError::out_of_frames);
        CHECK(scene.tables.live() == 1);
        for (unsigned i = 0; i < 512; ++i)
            CHECK(scene.memory.get<std::uint64_t>(scene.root.value() + 8 * i) == 0);
    }
}

TEST_CASE("a memory that fails at any access leaves no half-built mapping and no lost table") {
    for (std::uint64_t accesses = 0;; ++accesses) {
        Scene<Ept> scene;
        scene.memory.fail_after(accesses);
        auto const result = scene.map_page(0x1000, page_4k, 0x2000);
        scene.memory.fail_after(std::nullopt);
        if (result) {
            CHECK(accesses > 3);
            break;
        }
        CHECK(result.error() == MapError::memory_failed);
        CHECK_FALSE(scene.walk_to(0x1000));
        CHECK(scene.tables.live() == 1);
    }
}

TEST_CASE("a page that hides or is hidden by pages of another size is refused") {
    Scene<Ept> scene;
    REQUIRE(scene.map_page(0, page_2m, 0));
    CHECK(scene.map_page(0x1000, page_4k, 0x9000).error() == MapError::larger_page_present);
    REQUIRE(scene.map_page(0x20'0000, page_4k, 0));
    CHECK(scene.map_page(0x20'0000, page_2m, 0).error() == MapError::smaller_pages_present);
    CHECK(scene.map_page(0, page_1g, 0).error() == MapError::smaller_pages_present);
}

TEST_CASE("misaligned addresses and sizes that the format lacks are refused") {
    Scene<Ept> scene;
    CHECK(scene.map_page(0x800, page_4k, 0).error() == MapError::misaligned);
    CHECK(scene.map_page(0, page_4k, 0x800).error() == MapError::misaligned);
    CHECK(scene.map_page(0x1000, page_2m, 0).error() == MapError::misaligned);
    CHECK(scene.map_page(0, page_2m, 0x1000).error() == MapError::misaligned);
    CHECK(scene.map_page(0, page_4m, 0).error() == MapError::no_such_page_size);
    scene.format.pages_1g = false;
    CHECK(scene.map_page(0, page_1g, 0).error() == MapError::no_such_page_size);
    CHECK(scene.memory.stores().empty());
}

TEST_CASE("unmapping takes one store, names the frame and asks for invalidation") {
    Scene<Ept> scene;
    REQUIRE(scene.map_page(gib, page_2m, 2 * gib));
    scene.memory.forget_stores();
    auto const gone = unmap(scene.format, scene.root, Gpa{gib + 5}, scene.memory);
    REQUIRE(gone);
    CHECK(gone->frame == Hpa{2 * gib});
    CHECK(gone->size == page_2m);
    CHECK(gone->duty.has(Duty::Reason::permission_removed));
    CHECK(scene.memory.stores().size() == 1);
    CHECK_FALSE(scene.walk_to(gib));
    CHECK(unmap(scene.format, scene.root, Gpa{gib}, scene.memory).error() == MapError::not_mapped);
}

TEST_CASE("random maps and unmaps agree with a plain table of pages") {
    Scene<X86> scene;
    std::mt19937_64 random{3};
    std::map<std::uint64_t, std::uint64_t> model;
    for (int step = 0; step < 100'000; ++step) {
        std::uint64_t const page =
            (random() % 64) << 12 | (random() % 8) << 30 | (random() % 4) << 39;
        if (random() % 3 != 0) {
            std::uint64_t const frame = (random() % 1024) << 12;
            auto const duty = scene.map_page(page, page_4k, frame);
            REQUIRE(duty);
            auto const known = model.find(page);
            CHECK_FALSE(duty->must_invalidate() !=
                        (known != model.end() && known->second != frame));
            model[page] = frame;
        } else {
            auto const gone = unmap(scene.format, scene.root, Hva{page}, scene.memory);
            REQUIRE(gone.has_value() == (model.erase(page) == 1));
        }
        std::uint64_t const probe =
            (random() % 64) << 12 | (random() % 8) << 30 | (random() % 4) << 39;
        auto const found = scene.walk_to(probe + 7);
        auto const known = model.find(probe);
        REQUIRE(found.has_value() == (known != model.end()));
        if (found) REQUIRE(found->address == Hpa{known->second + 7});
        if (step % 1000 == 0) scene.memory.forget_stores();
    }
    std::size_t leaves = 0;
    std::size_t tables = 1;
    visit_entries(scene.format, scene.root, scene.memory,
                  [&](unsigned, X86Entry, bool leaf) { ++(leaf ? leaves : tables); });
    CHECK(leaves == model.size());
    CHECK(tables == scene.tables.live());
}

} // namespace map_test
