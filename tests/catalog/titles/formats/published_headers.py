"""The first lines of published files of titles, and of the files published with them."""

# Format and first line by file name.
HEADERS = {
    "movies.csv": ("movielens", "movieId,title,genres"),
    "tmdb_5000_movies.csv": (
        "tmdb",
        "budget,genres,homepage,id,keywords,original_language,original_title,overview,popularity,"
        "production_companies,production_countries,release_date,revenue,runtime,spoken_languages,status,tagline,"
        "title,vote_average,vote_count",
    ),
    "movies_metadata.csv": (
        "tmdb",
        "adult,belongs_to_collection,budget,genres,homepage,id,imdb_id,original_language,original_title,overview,"
        "popularity,poster_path,production_companies,production_countries,release_date,revenue,runtime,"
        "spoken_languages,status,tagline,title,video,vote_average,vote_count",
    ),
    "TMDB_movie_dataset_v11.csv": (
        "tmdb",
        "id,title,vote_average,vote_count,status,release_date,revenue,runtime,adult,backdrop_path,budget,homepage,"
        "imdb_id,original_language,original_title,overview,popularity,poster_path,tagline,genres,"
        "production_companies,production_countries,spoken_languages,keywords",
    ),
    "movie_metadata.csv": (
        "imdb5000",
        "color,director_name,num_critic_for_reviews,duration,director_facebook_likes,actor_3_facebook_likes,"
        "actor_2_name,actor_1_facebook_likes,gross,genres,actor_1_name,movie_title,num_voted_users,"
        "cast_total_facebook_likes,actor_3_name,facenumber_in_poster,plot_keywords,movie_imdb_link,"
        "num_user_for_reviews,language,country,content_rating,budget,title_year,actor_2_facebook_likes,imdb_score,"
        "aspect_ratio,movie_facebook_likes",
    ),
    "MovieGenre.csv": ("movie_genre", "imdbId,Imdb Link,Title,IMDB Score,Genre,Poster"),
    "title.basics.tsv": (
        "imdb_basics",
        "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres",
    ),
    "movie_ids_11_22_2026.json": (
        "tmdb_ids",
        '{"adult":false,"id":3924,"original_title":"Blondie","popularity":2.405,"video":false}',
    ),
    "films.csv": ("csv", "id,title,genres"),
    "films_excel.csv": ("csv", '"IMDb ID";"Name";"Genre"'),
    "titles.tsv": ("csv", "tmdb_id\ttitle\tyear"),
    "own_movielens.csv": ("csv", "movieId,title,genres,year"),
    "labels.csv": ("folder", "file,category"),
}
COMPANIONS = {
    "tmdb_5000_credits.csv": ("movie_id,title,cast,crew", "cast and crew"),
    "credits.csv": ("cast,crew,id", "cast and crew"),
    "links.csv": ("movieId,imdbId,tmdbId", "ids of MovieLens titles"),
    "ratings.csv": ("userId,movieId,rating,timestamp", "ratings"),
    "tags.csv": ("userId,movieId,tag,timestamp", "tags"),
    "genome-scores.csv": ("movieId,tagId,relevance", "relevances of tags"),
    "genome-tags.csv": ("tagId,tag", "names of tags"),
    "title.akas.tsv": (
        "titleId\tordering\ttitle\tregion\tlanguage\ttypes\tattributes\tisOriginalTitle",
        "IMDb's other titles",
    ),
    "title.ratings.tsv": ("tconst\taverageRating\tnumVotes", "IMDb's ratings"),
    "name.basics.tsv": (
        "nconst\tprimaryName\tbirthYear\tdeathYear\tprimaryProfession\tknownForTitles",
        "IMDb's people",
    ),
    "person_ids_11_22_2026.json": (
        '{"adult":false,"id":1,"name":"A B","popularity":0.6}',
        "the columns adult, id",
    ),
    "tv_series_ids_11_22_2026.json": (
        '{"id":1,"original_name":"プライド","popularity":4.5}',
        "the columns id",
    ),
}
