//! Tables of 130 and of 1,000 routes, and paths of each kind for them.

use crate::growth;
use crate::race::Race;
use crate::rivals::Tables;

/// Paths of a kind that one call goes through, at most.
const PATHS: usize = 200;

pub(crate) fn races() -> Vec<Race> {
    let forge: Vec<_> = FORGE.iter().map(|pattern| (*pattern).to_owned()).collect();
    assert_eq!(forge.len(), 130);
    let mut races = of_table("130 routes", &forge);
    races.extend(of_table("1,000 routes", &growth::patterns(1_000)));
    races
}

/// Which patterns are of a kind.
type Kind = fn(&str) -> bool;

fn of_table(group: &str, patterns: &[String]) -> Vec<Race> {
    let tables = Tables::new(patterns);
    let kinds: [(_, Kind); 4] = [
        ("static", |pattern| captures(pattern) == 0),
        ("one capture", |pattern| captures(pattern) == 1 && !is_catch_all(pattern)),
        ("several captures", |pattern| captures(pattern) > 1 && !is_catch_all(pattern)),
        ("catch-all", is_catch_all),
    ];
    let mut random = Random::new();
    let routes = random.shuffled((0..patterns.len()).collect::<Vec<_>>());
    let mut hits = |is_wanted: Kind| {
        let wanted = routes.iter().filter(|&&route| is_wanted(&patterns[route])).take(PATHS);
        let hits = wanted.map(|&route| (fill(&patterns[route], &mut random), Some(route)));
        hits.collect::<Vec<_>>()
    };
    let mut races: Vec<_> = kinds
        .iter()
        .map(|(kind, is_wanted)| tables.race(group, kind, hits(*is_wanted), true))
        .collect();
    races.push(tables.race(group, "all of these", hits(|_| true), true));
    // One step off a route, and two beyond it: both share most of their path with something.
    let near = hits(|pattern| !is_catch_all(pattern)).into_iter().flat_map(|(path, _)| {
        let (parent, _) = path.rsplit_once('/').unwrap_or_default();
        [format!("{parent}/"), format!("{path}/not/there")]
    });
    let near = near.filter(|path| !tables.has(path)).map(|path| (path, None)).take(PATHS).collect();
    let near = random.shuffled(near);
    races.push(tables.race(group, "near misses", near, true));
    let far = FAR.map(|path| (path.to_owned(), None)).to_vec();
    races.push(tables.race(group, "far misses", far, true));
    races
}

fn captures(pattern: &str) -> usize {
    pattern.matches('{').count()
}

fn is_catch_all(pattern: &str) -> bool {
    pattern.ends_with(":.+}")
}

/// A path that `pattern` matches.
pub(crate) fn fill(pattern: &str, random: &mut Random) -> String {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((text, after)) = rest.split_once('{') {
        path.push_str(text);
        let (name, after) = after.split_once('}').expect("a brace that closes");
        let values = if name.ends_with(":.+") { &TAILS[..] } else { &VALUES };
        path.push_str(values[random.below(values.len())]);
        rest = after;
    }
    path + rest
}

const VALUES: [&str; 10] = [
    "7",
    "42",
    "1384",
    "90210774",
    "ada",
    "dunlin",
    "north-shore",
    "zero-copy-parsing",
    "calidris.alpina",
    "5f1c9e77-5a0b-4c6d-9e21-7b64d0a8f113",
];

const TAILS: [&str; 4] =
    ["README.md", "src/lib.rs", "docs/guide/first-steps.html", "a/b/c/d/e/f/g/h/image-1024.png"];

/// What scanners ask everybody for.
const FAR: [&str; 20] = [
    "/favicon.ico",
    "/robots.txt",
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/wp-admin/setup-config.php",
    "/xmlrpc.php",
    "/phpmyadmin/index.php",
    "/cgi-bin/luci/;stok=/locale",
    "/actuator/health",
    "/server-status",
    "/.well-known/security.txt",
    "/sitemap.xml",
    "/apple-touch-icon.png",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/solr/admin/info/system",
    "/boaform/admin/formLogin",
    "/owa/auth/logon.aspx",
    "/_ignition/execute-solution",
    "/backup.zip",
];

/// Numbers from a fixed seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % end
    }

    pub(crate) fn shuffled<T>(&mut self, mut items: Vec<T>) -> Vec<T> {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
        items
    }
}

/// The interface of a forge for code.
const FORGE: [&str; 130] = [
    "/",
    "/about",
    "/assets/{path:.+}",
    "/docs/{path:.+}",
    "/events",
    "/explore",
    "/explore/topics",
    "/feeds",
    "/gists",
    "/gists/public",
    "/gists/starred",
    "/gists/{gist}",
    "/gists/{gist}/comments",
    "/gists/{gist}/comments/{comment}",
    "/gists/{gist}/commits",
    "/gists/{gist}/forks",
    "/gists/{gist}/revisions/{revision}",
    "/gists/{gist}/star",
    "/health",
    "/issues",
    "/licenses",
    "/licenses/{license}",
    "/meta",
    "/notifications",
    "/notifications/threads/{thread}",
    "/notifications/threads/{thread}/subscription",
    "/organizations",
    "/orgs/{org}",
    "/orgs/{org}/events",
    "/orgs/{org}/hooks",
    "/orgs/{org}/hooks/{hook}",
    "/orgs/{org}/members",
    "/orgs/{org}/members/{user}",
    "/orgs/{org}/projects",
    "/orgs/{org}/repos",
    "/orgs/{org}/teams",
    "/orgs/{org}/teams/{team}",
    "/orgs/{org}/teams/{team}/members",
    "/orgs/{org}/teams/{team}/members/{user}",
    "/orgs/{org}/teams/{team}/repos",
    "/orgs/{org}/teams/{team}/repos/{owner}/{repo}",
    "/projects/{project}",
    "/projects/{project}/columns",
    "/projects/{project}/columns/{column}",
    "/rate-limit",
    "/raw/{owner}/{repo}/{path:.+}",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/assignees",
    "/repos/{owner}/{repo}/assignees/{user}",
    "/repos/{owner}/{repo}/branches",
    "/repos/{owner}/{repo}/branches/{branch}",
    "/repos/{owner}/{repo}/branches/{branch}/protection",
    "/repos/{owner}/{repo}/collaborators",
    "/repos/{owner}/{repo}/collaborators/{user}",
    "/repos/{owner}/{repo}/comments",
    "/repos/{owner}/{repo}/comments/{comment}",
    "/repos/{owner}/{repo}/commits",
    "/repos/{owner}/{repo}/commits/{sha}",
    "/repos/{owner}/{repo}/commits/{sha}/statuses",
    "/repos/{owner}/{repo}/compare/{range:.+}",
    "/repos/{owner}/{repo}/contents/{path:.+}",
    "/repos/{owner}/{repo}/contributors",
    "/repos/{owner}/{repo}/deployments",
    "/repos/{owner}/{repo}/deployments/{deployment}/statuses/{status}",
    "/repos/{owner}/{repo}/events",
    "/repos/{owner}/{repo}/forks",
    "/repos/{owner}/{repo}/git/blobs/{sha}",
    "/repos/{owner}/{repo}/git/matching-refs/{ref:.+}",
    "/repos/{owner}/{repo}/git/refs/{ref:.+}",
    "/repos/{owner}/{repo}/git/tags/{sha}",
    "/repos/{owner}/{repo}/git/trees/{sha}",
    "/repos/{owner}/{repo}/hooks",
    "/repos/{owner}/{repo}/hooks/{hook}/deliveries/{delivery}",
    "/repos/{owner}/{repo}/issues",
    "/repos/{owner}/{repo}/issues/comments",
    "/repos/{owner}/{repo}/issues/comments/{comment}",
    "/repos/{owner}/{repo}/issues/events",
    "/repos/{owner}/{repo}/issues/{issue}",
    "/repos/{owner}/{repo}/issues/{issue}/comments",
    "/repos/{owner}/{repo}/issues/{issue}/labels/{label}",
    "/repos/{owner}/{repo}/keys",
    "/repos/{owner}/{repo}/labels",
    "/repos/{owner}/{repo}/labels/{label}",
    "/repos/{owner}/{repo}/languages",
    "/repos/{owner}/{repo}/milestones",
    "/repos/{owner}/{repo}/milestones/{milestone}",
    "/repos/{owner}/{repo}/notifications",
    "/repos/{owner}/{repo}/pages/{path:.+}",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/comments",
    "/repos/{owner}/{repo}/pulls/{pull}",
    "/repos/{owner}/{repo}/pulls/{pull}/files",
    "/repos/{owner}/{repo}/pulls/{pull}/reviews/{review}",
    "/repos/{owner}/{repo}/readme",
    "/repos/{owner}/{repo}/releases",
    "/repos/{owner}/{repo}/releases/latest",
    "/repos/{owner}/{repo}/releases/tags/{tag}",
    "/repos/{owner}/{repo}/releases/{release}/assets/{asset}",
    "/repos/{owner}/{repo}/stargazers",
    "/repos/{owner}/{repo}/stats/participation",
    "/repos/{owner}/{repo}/tags",
    "/repos/{owner}/{repo}/topics",
    "/search/code",
    "/search/commits",
    "/search/issues",
    "/search/repositories",
    "/search/topics",
    "/search/users",
    "/user",
    "/user/emails",
    "/user/followers",
    "/user/following",
    "/user/following/{user}",
    "/user/keys",
    "/user/keys/{key}",
    "/user/orgs",
    "/user/repos",
    "/user/starred",
    "/users",
    "/users/{user}",
    "/users/{user}/events",
    "/users/{user}/followers",
    "/users/{user}/following",
    "/users/{user}/following/{target}",
    "/users/{user}/gists",
    "/users/{user}/keys",
    "/users/{user}/orgs",
    "/users/{user}/pages/{path:.+}",
    "/users/{user}/repos",
    "/users/{user}/starred",
];
