#include "catch.hpp"
#include "support/space_world.hpp"

#include <random>
#include <set>
#include <vector>

namespace dirty_log_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t memory_bytes = 8 * mib;

/// A machine whose one guest is watched by one of the means.
struct Watched {
    explicit Watched(DirtyMeans by, PageSize leaf = page_4k)
        : means(by), words(DirtyLog::words_for(memory_bytes)), log(words) {
        world.mmu.accessed_dirty = means != DirtyMeans::write_protection;
        if (means == DirtyMeans::page_modification_log) {
            world.mmu.log_page = Hpa{std::uint64_t{1} << 40}; // the hypervisor's own
            world.mmu.log = &log;
        }
        guest = &world.space(memory_bytes, leaf);
    }
    void start() {
        REQUIRE(guest->start_logging(log, means));
        world.mmu.drain(); // the hypervisor turns the processor's log on
        log.clear();
    }
    std::set<std::uint64_t> collect() {
        world.mmu.drain();
        std::set<std::uint64_t> pages;
        (void)guest->collect_dirty([&](Gpa gpa) { pages.insert(gpa.value() >> 12); });
        return pages;
    }

    DirtyMeans means;
    SpaceWorld world{16384, 64};
    std::vector<std::uint64_t> words;
    DirtyLog log;
    TestSpace* guest;
};

constexpr std::array all_means{DirtyMeans::write_protection, DirtyMeans::dirty_bits,
                               DirtyMeans::page_modification_log};

} // namespace

TEST_CASE("a dirty log has the pages that were marked, each once, in order") {
    std::vector<std::uint64_t> words(DirtyLog::words_for(129 * 4096));
    CHECK(words.size() == 3);
    DirtyLog log{words};
    for (std::uint64_t page : {128U, 0U, 63U, 64U, 0U})
        log.mark(Gpa{page << 12 | 5});
    log.mark(Gpa{1000 << 12}); // beyond the guest's memory
    std::vector<std::uint64_t> seen;
    log.for_each([&](Gpa gpa) { seen.push_back(gpa.value() >> 12); });
    CHECK(seen == std::vector<std::uint64_t>{0, 63, 64, 128});
    CHECK(log.count() == 4);
    CHECK(log.marked(Gpa{63 << 12}));
    CHECK_FALSE(log.marked(Gpa{62 << 12}));
}

TEST_CASE("a page-modification log is read from its index up, and whole when it is full") {
    RecordingMemory memory;
    for (std::uint64_t at = 0; at < 512; ++at)
        memory.put(0x1000 + at * 8, at << 12);
    std::vector<std::uint64_t> words(DirtyLog::words_for(512 * 4096));
    DirtyLog log{words};
    CHECK(PageModificationLog::drain(memory, Hpa{0x1000}, 511, log) == 0);
    CHECK(log.count() == 0);
    CHECK(PageModificationLog::drain(memory, Hpa{0x1000}, 508, log) == 3);
    CHECK(log.count() == 3);
    CHECK(log.marked(Gpa{509 << 12}));
    CHECK(PageModificationLog::drain(memory, Hpa{0x1000}, 0xffff, log) == 512);
    CHECK(log.count() == 512);
}

TEST_CASE("reads are not logged, writes are, once until the next collection, by all three means") {
    for (auto means : all_means) {
        for (PageSize leaf : {page_4k, page_2m}) {
            CAPTURE(static_cast<int>(means), leaf.bytes());
            Watched w{means, leaf};
            w.world.put(*w.guest, 0x1000, 1);
            w.world.put(*w.guest, 3 * mib, 1);
            w.start();
            CHECK(w.collect().empty());
            CHECK(w.world.get(*w.guest, 0x1000) == 1);
            CHECK(w.world.get(*w.guest, 5 * mib) == 0);
            CHECK(w.collect().empty());
            for (int i = 0; i < 2; ++i) {
                w.world.put(*w.guest, 0x1000, 2);
                w.world.put(*w.guest, 0x2000, 2);
                w.world.put(*w.guest, 7 * mib, 2);
                CHECK(w.collect() == std::set<std::uint64_t>{1, 2, 7 * mib >> 12});
            }
            CHECK(w.collect().empty());
            w.world.require_laws();
        }
    }
}

TEST_CASE("what the host writes, and what is given back, is logged as well") {
    for (auto means : all_means) {
        CAPTURE(static_cast<int>(means));
        Watched w{means};
        w.world.put(*w.guest, 0x9000, 1);
        w.start();
        std::byte const byte{5};
        REQUIRE(w.guest->write(Gpa{0x4fff}, {&byte, 1}));
        REQUIRE(w.guest->zero(Gpa{0x5ff0}, 32));
        CHECK(w.guest->release(Gpa{0x9000}, 4096).pages == 1);
        CHECK(w.collect() == std::set<std::uint64_t>{4, 5, 6, 9});
    }
}

TEST_CASE("starting by write protection is one store for 512 GiB, however much is mapped") {
    Watched w{DirtyMeans::write_protection};
    for (std::uint64_t gpa = 0; gpa < memory_bytes; gpa += 4096)
        w.world.put(*w.guest, gpa, 1);
    w.world.memory.forget_stores();
    auto const duty = w.guest->start_logging(w.log, w.means);
    REQUIRE(duty);
    CHECK(duty->has(Duty::Reason::permission_removed));
    CHECK(w.world.memory.stores().size() == 1);
}

TEST_CASE("logging by the processor's means splits large pages first, and stays off if it cannot") {
    Watched w{DirtyMeans::dirty_bits, page_2m};
    w.world.put(*w.guest, 0, 1);
    w.world.put(*w.guest, 4 * mib, 1);
    std::vector<Hpa> taken;
    while (auto const frame = w.world.pool.allocate())
        taken.push_back(*frame);
    w.world.pool.release(taken.back());
    taken.pop_back();
    auto const refused = w.guest->start_logging(w.log, w.means);
    CHECK(refused.error() == SpaceError::out_of_frames);
    CHECK_FALSE(w.guest->logging());
    CHECK(w.world.page_size_at(*w.guest, 0) == page_4k); // the first was split
    CHECK(w.world.page_size_at(*w.guest, 4 * mib) == page_2m);
    CHECK(w.guest->owed().has(Duty::Reason::page_size_changed));
    for (Hpa frame : taken)
        w.world.pool.release(frame);
    CHECK(w.guest->start_logging(w.log, w.means));
    CHECK(w.world.page_size_at(*w.guest, 4 * mib) == page_4k);
}

namespace {

/// One guest's life, the same for each of the means.
class LoggedLife {
  public:
    LoggedLife(Watched& watched, std::uint32_t seed) : w_(watched), random_(seed) {}

    void step() {
        std::uint64_t const gpa = random_() % 64 * 4096 + random_() % 4 * (2 * mib);
        switch (random_() % 16) {
        case 0: (void)w_.guest->swap_out(Gpa{gpa}); break;
        case 1: (void)w_.guest->split(Gpa{gpa}); break;
        case 2: (void)w_.guest->release(Gpa{gpa}, 4096); break;
        case 3: clone_or_drop(); break;
        case 4: (void)w_.guest->promote(Gpa{gpa}, page_2m); break;
        case 5:
        case 6:
        case 7:
        case 8:
        case 9: w_.world.put(*w_.guest, gpa, static_cast<std::uint8_t>(random_())); break;
        case 10:
            // A walk of the guest's own tables: with A/D bits a write, without them a read.
            REQUIRE(w_.world.mmu.access(*w_.guest, {Gpa{gpa}, Access::read, true, true}));
            break;
        case 11:
            if (clone_) REQUIRE(of_clone_.write(*clone_, Gpa{gpa}, 77));
            break;
        default: (void)w_.world.get(*w_.guest, gpa);
        }
    }

  private:
    void clone_or_drop() {
        if (clone_) {
            clone_.reset();
            return;
        }
        auto made = w_.guest->clone();
        REQUIRE(made);
        clone_.emplace(std::move(made->space));
    }

    Watched& w_;
    std::mt19937 random_;
    std::optional<TestSpace> clone_;
    /// The log is the watched guest's alone.
    FakeMmu<TestSpace> of_clone_{w_.world.memory};
};

} // namespace

TEST_CASE("write protection, D bits and the page-modification log give the same sets") {
    for (std::uint32_t seed : {1U, 2U, 3U, 4U}) {
        PageSize const leaf = seed % 2 == 0 ? page_2m : page_4k;
        std::vector<std::vector<std::set<std::uint64_t>>> sets;
        for (auto means : all_means) {
            Watched w{means, leaf};
            // So that a walk's read counts the same with all of them.
            w.world.mmu.accessed_dirty = true;
            LoggedLife life{w, seed};
            for (int i = 0; i < 50; ++i)
                life.step();
            w.start();
            auto& mine = sets.emplace_back();
            for (int i = 0; i < 2000; ++i) {
                life.step();
                if (i % 40 == 39) mine.push_back(w.collect());
            }
        }
        REQUIRE(sets[0].size() == 50);
        for (std::size_t at = 0; at < sets[0].size(); ++at) {
            CAPTURE(seed, at);
            CHECK_FALSE(sets[0][at].empty());
            CHECK(sets[0][at] == sets[1][at]);
            CHECK(sets[0][at] == sets[2][at]);
        }
    }
}

TEST_CASE("a processor's log that is full loses nothing") {
    Watched w{DirtyMeans::page_modification_log};
    w.start();
    for (std::uint64_t page = 0; page < 1500; ++page)
        w.world.put(*w.guest, page << 12, 1);
    CHECK(w.world.mmu.log_full_exits == 2);
    CHECK(w.collect().size() == 1500);
}

} // namespace dirty_log_test
